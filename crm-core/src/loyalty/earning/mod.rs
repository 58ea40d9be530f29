//! What a purchase earns: rules as data, a pure engine, and what of it is taken back (S-11 to S-16, S-28, S-38, S-40).

mod check;
mod model;

pub use check::check;
pub use model::{
    AssetCap, Available, BaseTerms, Earn, EarnLimit, EarnRounding, EarnRule, EarningTerms, Goods, Hours, LimitCap,
    OnReturn,
};
