//! The unit of work, the entities it holds, and the storage port under it.

mod buffer;
mod entity;
mod fields;
mod filter;
mod idempotency;
mod permit;
mod schema;
mod select;
mod storage;
mod unit_of_work;
mod value;
mod within;

pub use buffer::{Draft, Pending, Status, WriteBuffer};
pub use entity::{Entity, EntityKey, changed_columns};
pub(crate) use filter::one_of;
pub use filter::{Col, Comparison, Criteria, Filter};
pub use idempotency::{CommandKey, CommandRecord, command_record};
pub use permit::Permit;
pub use schema::{Column, Home, Schema, Unique, column_position};
pub use select::Select;
pub use storage::{
    Addition, Columns, Direction, Health, Job, Lock, Mode, Query, Ran, Replacement, Schemas, Storage, Tx, Verdict,
};
pub use unit_of_work::UnitOfWork;
pub use value::{ColumnType, Field, Json, Key, Row, Value, Version, misfit};
pub use within::Within;
