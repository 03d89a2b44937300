//! The registry's test double as a process: prints its URL and serves until standard input ends.
//!
//! `cargo run -p crumbtrail-registry --features double --example double [address]`, by default a free port of 127.0.0.1.

use std::io::Read as _;

use crumbtrail_registry::double::Double;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let double = Double::start_at(address.parse()?)?;
    println!("{}", double.url());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
