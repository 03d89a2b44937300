//! Money as whole millionths of its currency's unit: sums are exact and order does not matter.

/// Millionths of a currency unit (1 THB = 1 000 000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The nearest millionth to `amount`; out-of-range and non-finite amounts give `None`.
    #[must_use]
    pub fn from_f64(amount: f64) -> Option<Micros> {
        let micros = (amount * 1e6).round();
        (micros.is_finite() && micros.abs() < 9.2e18).then_some(Micros(micros as i64))
    }

    /// The amount in units, for display.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// The codes of ISO 4217 that people pay with, and two that went out of use lately: ANG in 2025, BGN in 2026.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP \
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD \
IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// A currency as ISO 4217 writes it, in upper case, whatever the case it came in (`usd` and `USD` are one); what is no code of it stays as it is.
#[inline]
#[must_use]
pub fn currency(told: &str) -> &str {
    let is_spelled = told.is_empty() || told.len() == 3 && told.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_spelled { told } else { spelled(told) }
}

#[cold]
fn spelled(told: &str) -> &str {
    let trimmed = told.trim();
    CODES.split(' ').find(|code| code.eq_ignore_ascii_case(trimmed)).unwrap_or(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_the_nearest_millionth_and_refuses_the_absurd() {
        assert_eq!(Micros::from_f64(12.34), Some(Micros(12_340_000)));
        assert_eq!(Micros::from_f64(f64::NAN), None);
        assert_eq!(Micros::from_f64(1e300), None);
    }

    #[test]
    fn a_currency_is_one_however_it_is_written() {
        assert!(["usd", "Usd", " USD ", "USD"].into_iter().all(|told| currency(told) == "USD"));
        assert_eq!(
            (currency(""), currency("   "), currency("points"), currency("pts"), currency("XYZ")),
            ("", "", "points", "pts", "XYZ")
        );
        assert!(CODES.split(' ').all(|code| code.len() == 3) && CODES.split(' ').is_sorted());
    }
}
