//! What a request asks for: URL parameters, headers and form fields.

use http::HeaderMap;

use super::encode::Encoding;
use crate::exception::Exception;

/// Everything but the body.
#[derive(Debug, Default)]
pub(super) struct Params {
    pub(super) query: String,
    pub(super) query_id: Option<String>,
    pub(super) database: Option<String>,
    pub(super) default_format: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) session_id: Option<String>,
    pub(super) session_timeout: Option<u64>,
    pub(super) session_check: bool,
    pub(super) wait_end_of_query: bool,
    /// `decompress=1`: the body is native blocks.
    pub(super) native_request: bool,
    /// `compress=1`: the response shall be native blocks.
    pub(super) native_response: bool,
    pub(super) query_params: Vec<(String, String)>,
    /// Settings in the order given, each name once.
    pub(super) settings: Vec<(String, String)>,
}

impl Params {
    /// From the URL's query part and the headers.
    ///
    /// # Errors
    /// A name that is neither a parameter nor a setting.
    pub(super) fn parse(
        url_query: &str,
        headers: &HeaderMap,
        is_setting: impl Fn(&str) -> bool,
    ) -> Result<Self, Exception> {
        let mut params = Self::default();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        params.database = header("x-clickhouse-database");
        params.default_format = header("x-clickhouse-format");
        for (name, value) in url::form_urlencoded::parse(url_query.as_bytes()) {
            params.set(&name, value.into_owned(), &is_setting)?;
        }
        Ok(params)
    }

    /// Sets one parameter or setting.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: String,
        is_setting: impl Fn(&str) -> bool,
    ) -> Result<(), Exception> {
        let yes = matches!(value.as_str(), "1" | "true");
        match name {
            "query" => self.query = value,
            "query_id" => self.query_id = Some(value).filter(|id| !id.is_empty()),
            "database" => self.database = Some(value),
            "default_format" => self.default_format = Some(value),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "session_id" => self.session_id = Some(value).filter(|id| !id.is_empty()),
            "session_timeout" => {
                let seconds = value.parse().map_err(|_| {
                    Exception::new(407, "INVALID_SESSION_TIMEOUT", format_args!("invalid session timeout: {value}"))
                })?;
                self.session_timeout = Some(seconds);
            }
            "session_check" => self.session_check = yes,
            "wait_end_of_query" => self.wait_end_of_query = yes,
            "decompress" => self.native_request = yes,
            "compress" => self.native_response = yes,
            // Taken and without meaning here: there are no roles, quotas or native-protocol revisions.
            "quota_key"
            | "role"
            | "roles"
            | "stacktrace"
            | "buffer_size"
            | "client_protocol_version"
            | "close_session" => {}
            _ => match name.strip_prefix("param_") {
                Some(parameter) => {
                    self.query_params.retain(|(given, _)| given != parameter);
                    self.query_params.push((parameter.to_owned(), value));
                }
                None if is_setting(name) => {
                    self.settings.retain(|(given, _)| given != name);
                    self.settings.push((name.to_owned(), value));
                }
                None => {
                    let detail =
                        format_args!("Setting {name} is neither a builtin setting nor a parameter of this interface");
                    return Err(Exception::new(115, "UNKNOWN_SETTING", detail));
                }
            },
        }
        Ok(())
    }

    /// How to compress the response: `compress=1` first, then `Accept-Encoding` unless switched off.
    pub(super) fn encoding(&self, headers: &HeaderMap) -> Encoding {
        if self.native_response {
            return Encoding::NativeBlocks;
        }
        let off = self
            .settings
            .iter()
            .any(|(name, value)| name == "enable_http_compression" && matches!(value.as_str(), "0" | "false"));
        match headers.get("accept-encoding").and_then(|value| value.to_str().ok()) {
            Some(accepted) if !off => Encoding::accepted(accepted),
            _ => Encoding::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Params, Exception> {
        Params::parse(url, &HeaderMap::new(), |name| name == "max_threads")
    }

    #[test]
    fn parameters_settings_and_query_parameters_are_told_apart() {
        let params =
            parse("query=SELECT+%7Ba%3AInt8%7D&param_a=1&max_threads=2&max_threads=3&session_id=s&compress=1").unwrap();
        assert_eq!(params.query, "SELECT {a:Int8}");
        assert_eq!(params.query_params, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(params.settings, [("max_threads".to_owned(), "3".to_owned())]);
        assert_eq!(params.session_id.as_deref(), Some("s"));
        assert_eq!(params.encoding(&HeaderMap::new()), Encoding::NativeBlocks);
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = parse("max_thraeds=2").unwrap_err();
        assert_eq!(error.code, 115);
        assert!(error.to_string().contains("max_thraeds"), "{error}");
    }
}
