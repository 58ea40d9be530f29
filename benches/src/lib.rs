//! What the library costs, beside hand-written SQL in the same run, on the same tables with the same rows.
//!
//! ```text
//! cargo bench -p crm-benches --bench write_path -- --backend sqlite --seconds 2
//! cargo bench -p crm-benches --bench read_path -- --backend all
//! cargo bench -p crm-benches --bench loyalty -- --lots 20000
//! ```
//!
//! Options are listed in [`options`]. Without `--bench`, which `cargo bench` passes, a run is a smoke run: so
//! `cargo test --all-targets` only checks that everything works. Figures go to standard output, progress to standard
//! error. Data files are kept in a temporary directory and removed.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "figures for people: counts far below 2^52, and sizes that were just given on the command line"
)]

pub mod club;
pub mod club_rows;
pub mod club_store;
pub mod cpu;
pub mod data;
pub mod feed;
pub mod history;
pub mod machine;
pub mod narrowing;
pub mod options;
pub mod ours;
pub mod postgres_club;
pub mod postgres_club_group;
pub mod postgres_limit;
pub mod postgres_plain;
pub mod postgres_reads;
pub mod postgres_server;
pub mod postgres_store;
pub mod proxy;
pub mod ranks;
pub mod reads;
pub mod report;
pub mod rows;
pub mod shapes;
pub mod sqlite_club;
pub mod sqlite_limit;
pub mod sqlite_plain;
pub mod sqlite_reads;
pub mod sqlite_store;
pub mod tills;
pub mod variant;

/// Whatever goes wrong ends the run.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
