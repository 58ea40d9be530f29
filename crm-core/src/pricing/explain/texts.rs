//! What a language brings: its sentences.

/// The sentences of a language. Names in braces are replaced: each sentence names all it is given.
pub(super) struct Texts {
    /// `{number}`, `{product}`, `{quantity}`, `{unit}`, `{list}`.
    pub(super) line: &'static str,
    /// `{stage}`, `{by}`, `{how}`, `{off}`.
    pub(super) taken: &'static str,
    /// `{rate}`, `{of}`.
    pub(super) percent: &'static str,
    /// `{amount}`, each for a piece, a line, the order; `{of}`.
    pub(super) per_piece: &'static str,
    pub(super) per_line: &'static str,
    pub(super) per_order: &'static str,
    /// `{amount}`.
    pub(super) fixed: &'static str,
    /// Said behind what was bound.
    pub(super) floor: &'static str,
    pub(super) nothing: &'static str,
    pub(super) budget: &'static str,
    /// `{reason}`.
    pub(super) by_hand: &'static str,
    /// `{net}`.
    pub(super) net: &'static str,
    /// `{rate}`, `{tax}`.
    pub(super) tax_included: &'static str,
    pub(super) tax_on_top: &'static str,
    /// `{stage}`, `{rule}`, `{why}`.
    pub(super) lost: &'static str,
    pub(super) why: Reasons,
    /// `{list}`, `{discount}`, `{tax}`, `{total}`.
    pub(super) list: &'static str,
    pub(super) discount: &'static str,
    pub(super) tax: &'static str,
    pub(super) total: &'static str,
    /// The stages ② to ⑦.
    pub(super) stages: [&'static str; 6],
    /// What is said of a product or rule that has no name any more.
    pub(super) unnamed: &'static str,
}

/// Why a rule did not apply: `{rule}` is the one that did.
pub(super) struct Reasons {
    pub(super) more_specific: &'static str,
    pub(super) more_personal: &'static str,
    pub(super) group_before: &'static str,
    pub(super) priority: &'static str,
    pub(super) smaller: &'static str,
    pub(super) equal: &'static str,
    pub(super) exclusive: &'static str,
    pub(super) last: &'static str,
    /// `{least}`.
    pub(super) at_least_pieces: &'static str,
    pub(super) at_least_amount: &'static str,
    pub(super) day: &'static str,
    pub(super) used_up: &'static str,
    pub(super) customer_unknown: &'static str,
    pub(super) currency: &'static str,
}
