//! What one site tells the enrichment about itself.

use crate::page::PageRules;

/// Rules of one site.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteRules {
    /// The site's own hosts; each covers its subdomains. A referrer among them is internal.
    pub own_hosts: Vec<String>,
    /// Hosts that are never a referrer, besides the payment providers known anyway; each covers its subdomains.
    pub excluded_referrers: Vec<String>,
    /// URL parameters that hold what was searched for on the site, first present wins.
    pub search_parameters: Vec<String>,
    /// URL parameters that are part of a page's address, kept in the page's query, in this order (see [`crate::query::clean`]).
    pub kept_parameters: Vec<String>,
    /// Calling code of phone numbers written without one, digits only: `66`, `62`, `1`. Empty: such numbers are kept national.
    pub calling_code: String,
    /// Groups, types and topics of pages.
    pub pages: PageRules,
}

impl Default for SiteRules {
    fn default() -> SiteRules {
        SiteRules {
            own_hosts: Vec::new(),
            excluded_referrers: Vec::new(),
            search_parameters: ["q", "query", "s", "search", "keyword", "search_query"].map(String::from).to_vec(),
            kept_parameters: Vec::new(),
            calling_code: String::new(),
            pages: PageRules::default(),
        }
    }
}
