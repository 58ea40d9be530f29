//! Writing what waits: layer by layer, deletions first, then kind by kind in the order of their ranks, additions last.

use std::collections::BTreeMap;

use super::rows::{Kind, Layer};
use super::{MAX_KNOWN_ROWS, Pending, WriteBuffer};
use crate::Result;
use crate::work::storage::{Addition, Replacement};

impl WriteBuffer<'_> {
    /// Writes everything that waits, and makes every open layer a savepoint of the transaction if `open_all` says so
    /// or if something of it is written.
    pub(super) fn write_out(&mut self, open_all: bool) -> Result<()> {
        if self.ahead {
            return self.suspend();
        }
        self.waiting = 0;
        self.freed.clear();
        let pending = |layer: &Layer| !layer.values().all(Kind::is_clean);
        for at in 0..self.layers.len() {
            if at > self.opened {
                if !open_all && !self.layers[at..].iter().any(pending) {
                    break;
                }
                let opened = self.tx.savepoint();
                self.ran(opened)?;
                self.opened = at;
            }
            let written = self.write_layer(at);
            self.ran(written)?;
        }
        if self.known() > MAX_KNOWN_ROWS && !self.layers.iter().any(pending) {
            self.layers.iter_mut().for_each(BTreeMap::clear);
            self.before = Pending::default();
        }
        if self.layers.len() == 1 {
            // What was made of these rows is known no longer.
            self.before = Pending::default();
        }
        Ok(())
    }

    fn write_layer(&mut self, at: usize) -> Result<()> {
        // With no job open, nothing has to be remembered: rows are handed on, not copied, and read again when needed.
        let forget = self.layers.len() == 1;
        let layer = &mut self.layers[at];
        self.wrote |= !layer.values().all(Kind::is_clean);
        for kind in layer.values().rev() {
            let gone = kind.slots.iter().filter(|(_, slot)| slot.dirty && slot.stored && slot.current.is_none());
            let mut keys: Vec<_> = gone.map(|(key, slot)| (key.clone(), slot.stored_version)).collect();
            keys.sort_unstable();
            if !keys.is_empty() {
                self.tx.delete(kind.schema, keys)?;
            }
        }
        // Many add to the same counters: they are locked last, for as short as can be.
        let mut additions = Vec::new();
        for kind in layer.values_mut() {
            let schema = kind.schema;
            let (mut inserts, mut updates, mut added) = (Vec::new(), Vec::new(), Vec::new());
            let mut pending: Vec<_> = kind.slots.iter_mut().filter(|(_, slot)| !slot.is_clean()).collect();
            pending.sort_unstable_by_key(|(key, _)| *key);
            for (key, slot) in pending {
                let row = if forget { slot.current.take() } else { slot.current.clone() };
                if let Some(row) = row {
                    if slot.dirty && !slot.stored {
                        inserts.push(row);
                    } else {
                        if slot.dirty {
                            updates.push(Replacement {
                                row,
                                was: slot.stored_version.unwrap_or_default(),
                                changed: slot.changed,
                            });
                        }
                        added.extend(slot.additions.iter().map(|(&column, &(amount, floor))| Addition {
                            key: key.clone(),
                            column,
                            amount,
                            floor,
                        }));
                    }
                }
                slot.settle(schema);
            }
            if forget {
                kind.slots.clear();
                kind.answered.clear();
            }
            if !inserts.is_empty() {
                self.tx.insert(schema, inserts)?;
            }
            if !updates.is_empty() {
                self.tx.update(schema, updates)?;
            }
            if !added.is_empty() {
                additions.push((schema, added));
            }
        }
        additions.into_iter().try_for_each(|(schema, added)| self.tx.add(schema, added))
    }
}
