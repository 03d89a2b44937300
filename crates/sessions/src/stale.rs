//! Rows to take back, sorted: each to the chain that says it anew, if one does.

use crate::chain::{Chain, Class};

/// A row of a conversation with an id is told by when it began. What one chain is to take back, another may have said since, or be
/// about to say, of another entry of that very moment: then it is that one's to take back, or to say anew. Returns by how much the
/// heap bytes have grown.
pub(crate) fn sort(chains: &mut [Chain]) -> isize {
    let is_stale =
        |chain: &Chain| chain.class == Class::CASE && chain.rare.as_ref().is_some_and(|rare| !rare.stale.is_empty());
    if !chains.iter().any(is_stale) {
        return 0;
    }
    let heap_bytes = |chains: &[Chain]| chains.iter().map(Chain::heap_bytes).sum::<usize>().cast_signed();
    let before = heap_bytes(chains);
    for from in 0..chains.len() {
        if !is_stale(&chains[from]) {
            continue;
        }
        for begin in std::mem::take(&mut chains[from].rare().stale) {
            let begins_then = |chain: &Chain| chain.class == Class::CASE && chain.span().0 == begin.at;
            let to = chains.iter().position(begins_then).unwrap_or(from);
            chains[to].rare().stale.push(begin);
        }
    }
    heap_bytes(chains) - before
}
