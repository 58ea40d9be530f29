//! What entries name is there.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::model::JournalEntry;
use crate::Result;
use crate::branches::Branch;
use crate::customers::Customer;
use crate::module::Violation;
use crate::purchases::Purchase;
use crate::work::{Entity, Filter, Permit};

/// The ids of everything of one kind.
fn ids<E: Entity<Id: Into<Uuid>>>(work: &mut Permit<'_, '_>) -> Result<(&'static str, HashSet<Uuid>)> {
    let mut ids = HashSet::new();
    work.select(Filter::<E>::all()).for_each(|one| {
        ids.insert(one.id().into());
        Ok(())
    })?;
    Ok((E::SCHEMA.kind, ids))
}

/// The customer and the branch of every entry exist, and so does the purchase, the customer or the branch it is about. No foreign key says so: it would be a query for every entry that is written.
pub fn entries_refer(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let kept = [ids::<Branch>(work)?, ids::<Customer>(work)?, ids::<Purchase>(work)?];
    let kept = HashMap::from(kept);
    let mut violations = Vec::new();
    work.select(Filter::<JournalEntry>::all()).for_each(|entry| {
        let names = [
            (Some(Branch::SCHEMA.kind), entry.branch_id.map(Uuid::from)),
            (Some(Customer::SCHEMA.kind), entry.customer_id.map(Uuid::from)),
            (entry.reference_kind.as_deref(), entry.reference_id),
        ];
        for (kind, id) in names.into_iter().filter_map(|(kind, id)| kind.zip(id)) {
            if kept.get(kind).is_some_and(|ids| !ids.contains(&id)) {
                let what = format!("{}: names a {kind} that does not exist", entry.id);
                violations.push(Violation { invariant: "journal.references", what });
            }
        }
        Ok(())
    })?;
    Ok(violations)
}
