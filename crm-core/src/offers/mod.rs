//! Offers: a price that is promised to a customer until an instant, and becomes a purchase when it is accepted (C19).

pub mod event;
mod model;
mod rules;
mod service;

pub use model::{Offer, OfferId, offer};
pub use rules::{OfferAction, OfferState};
pub use service::{ANSWER, Acceptance, NewOffer, Offers, READ, WRITE};
