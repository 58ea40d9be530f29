//! Modules: plug-ins without privileges. What the shipped modules can do, a third party's can.

mod event;
mod outbox;
mod registry;

pub use event::{About, Event, Reference};
pub use outbox::{DELIVER, Outbox, OutboxId, OutboxMessage, outbox_message};
pub(crate) use registry::Installed;
pub use registry::{Invariant, Manifest, Module, Permission, Registry, Violation};
