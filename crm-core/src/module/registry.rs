//! What modules bring, checked before anything runs.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use crate::access::{Actor, Principal, Reach};
use crate::customers::CustomerId;
use crate::pricing::Context;
use crate::purchases::{InstalledMethod, Methods, TenderMethod};
use crate::work::{Home, Permit, Schema, UnitOfWork};
use crate::{Error, Result};

/// A plug-in: data about itself, and one method that hooks it in.
///
/// Operations of a module come as an extension trait on [`UnitOfWork`], and ask for a [`Permit`] like the core's own; see
/// the example `custom_module`.
pub trait Module: Send + Sync + 'static {
    /// What this module is and brings.
    fn manifest(&self) -> Manifest;

    /// Hooks the module in: event handlers and invariants.
    ///
    /// # Errors
    /// [`Error::Setup`] when the module cannot work as configured.
    fn install(&self, registry: &mut Registry) -> Result<()>;
}

/// What a module is and brings, as data.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// The name, unique among all modules.
    pub name: &'static str,
    /// Modules that must be there too. They are installed first.
    pub requires: &'static [&'static str],
    /// Permissions it defines.
    pub permissions: &'static [Permission],
    /// Permissions of other modules that its event handlers need. Its own are granted to them anyway.
    pub uses: &'static [&'static str],
    /// Kinds of entities it stores: a kind after those it refers to.
    pub entities: &'static [&'static Schema],
    /// Kinds of events it emits.
    pub events: &'static [&'static str],
}

/// A permission, as the module that defines it describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The name that operations ask for, for example `customers.read`.
    pub name: &'static str,
    /// What it allows, in a few words.
    pub about: &'static str,
}

/// A rule over stored data that must hold at all times, and how to check it.
pub struct Invariant {
    /// The name, for example `stock.movements`.
    pub name: &'static str,
    /// Looks for violations.
    #[expect(clippy::type_complexity, reason = "written once, read once")]
    pub check: Box<dyn Fn(&mut Permit<'_, '_>) -> Result<Vec<Violation>> + Send + Sync>,
}

/// A record that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// Which record, and what is wrong with it. Ids and figures only.
    pub what: String,
}

/// Completes the circumstances of a price with what a module knows of the customer.
pub(crate) struct Completion {
    pub(crate) actor: Actor,
    #[expect(clippy::type_complexity, reason = "written once, read once")]
    pub(crate) call: Box<dyn Fn(&mut UnitOfWork<'_>, CustomerId, &mut Context) -> Result<()> + Send + Sync>,
}

pub(crate) struct Handler {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) actor: Actor,
    #[expect(clippy::type_complexity, reason = "written once, read once")]
    pub(crate) call: Box<dyn Fn(&mut UnitOfWork<'_>, &dyn Any) -> Result<()> + Send + Sync>,
}

/// Where a module hooks itself in.
pub struct Registry {
    installing: Manifest,
    actor: Actor,
    installed: Installed,
}

/// Everything that is installed, in order.
#[derive(Default)]
pub(crate) struct Installed {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) events: BTreeSet<&'static str>,
    pub(crate) handlers: BTreeMap<&'static str, Vec<Handler>>,
    pub(crate) invariants: Vec<Invariant>,
    pub(crate) tenders: Methods,
    pub(crate) completions: Vec<Completion>,
    /// Names of tenders that two modules have registered.
    tenders_twice: Vec<&'static str>,
    /// What modules keep in memory, by its type.
    pub(crate) provided: BTreeMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl Registry {
    /// Calls `handler` for each event of type `E`, in the transaction that emits it, as this module with its grants.
    pub fn on<E: Event>(
        &mut self,
        name: &'static str,
        handler: impl Fn(&mut UnitOfWork<'_>, &E) -> Result<()> + Send + Sync + 'static,
    ) {
        let call = move |work: &mut UnitOfWork<'_>, event: &dyn Any| {
            let event = event
                .downcast_ref::<E>()
                .ok_or_else(|| Error::Setup(format!("two event types share the kind {}", E::KIND)))?;
            handler(work, event)
        };
        self.installed.handlers.entry(E::KIND).or_default().push(Handler {
            module: self.installing.name,
            name,
            actor: self.actor.clone(),
            call: Box::new(call),
        });
    }

    /// Adds a check to [`Crm::verify`](crate::Crm::verify).
    pub fn invariant(
        &mut self,
        name: &'static str,
        check: impl Fn(&mut Permit<'_, '_>) -> Result<Vec<Violation>> + Send + Sync + 'static,
    ) {
        self.installed.invariants.push(Invariant { name, check: Box::new(check) });
    }

    /// Keeps something of this module for its operations, which find it by its type: see
    /// [`UnitOfWork::provided`]. What is compiled of stored rules belongs here, never what decides without them.
    pub fn provide<T: Any + Send + Sync>(&mut self, value: T) {
        self.installed.provided.insert(TypeId::of::<T>(), Box::new(value));
    }

    /// Completes the circumstances of every price that is asked for a customer by what is stored: of quotes, of purchases that
    /// are recorded at one, and of [`context`](crate::pricing::Pricing::context), from which previews begin. It acts as this
    /// module with its grants, after the groups of the customer are known and before limits are looked up. Whatever it adds
    /// is part of the digest of a quote only by the amounts it leads to (S-47).
    ///
    /// ```
    /// use crm_core::Result;
    /// use crm_core::module::{Manifest, Module, Registry};
    /// # let gold: crm_core::pricing::TierId = uuid::Uuid::from_u128(1).into();
    /// struct EverybodyIsGold(crm_core::pricing::TierId);
    ///
    /// impl Module for EverybodyIsGold {
    ///     fn manifest(&self) -> Manifest {
    ///         Manifest { name: "gold", requires: &["core"], ..Manifest::default() }
    ///     }
    ///
    ///     fn install(&self, registry: &mut Registry) -> Result<()> {
    ///         let gold = self.0;
    ///         registry.price_context(move |_work, _customer, context| {
    ///             context.tiers.push(gold);
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    /// # crm_core::Crm::builder(crm_core::MemoryStorage::new()).module(EverybodyIsGold(gold)).build_blocking()?;
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn price_context(
        &mut self,
        complete: impl Fn(&mut UnitOfWork<'_>, CustomerId, &mut Context) -> Result<()> + Send + Sync + 'static,
    ) {
        let completion = Completion { actor: self.actor.clone(), call: Box::new(complete) };
        self.installed.completions.push(completion);
    }

    /// Adds a method of paying: purchases name it, and it acts as this module with its grants.
    pub fn tender(&mut self, method: &'static str, tender: impl TenderMethod) {
        let installed = InstalledMethod { actor: self.actor.clone(), method: Box::new(tender) };
        if self.installed.tenders.insert(method, installed).is_some() {
            self.installed.tenders_twice.push(method);
        }
    }
}

impl Installed {
    /// The names of all permissions that are defined.
    pub(crate) fn permissions(&self) -> Vec<&'static str> {
        self.manifests
            .iter()
            .flat_map(|manifest| manifest.permissions.iter().map(|permission| permission.name))
            .collect()
    }

    /// Checks all manifests against each other, puts the modules in order, and installs them.
    pub(crate) fn build(modules: Vec<Box<dyn Module>>) -> Result<Self> {
        let ordered = in_order(modules)?;
        check_names(ordered.iter().map(|(_, manifest)| manifest))?;
        let mut installed = Self::default();
        for (module, manifest) in ordered {
            let own = manifest.permissions.iter().map(|permission| permission.name);
            let actor = own
                .chain(manifest.uses.iter().copied())
                .fold(Actor::new(Principal::Module(manifest.name.into())), |actor, name| {
                    actor.granted(name, Reach::all())
                });
            installed.events.extend(manifest.events);
            let mut registry = Registry { installing: manifest.clone(), actor, installed };
            module.install(&mut registry)?;
            installed = registry.installed;
            installed.manifests.push(manifest);
        }
        if let Some(method) = installed.tenders_twice.first() {
            return Err(Error::Setup(format!("tender {method} is declared twice")));
        }
        for kind in installed.handlers.keys() {
            if !installed.events.contains(kind) {
                return Err(Error::Setup(format!("a handler waits for {kind}, which no module emits")));
            }
        }
        Ok(installed)
    }
}

/// Modules after those they require, otherwise in the order given.
fn in_order(modules: Vec<Box<dyn Module>>) -> Result<Vec<(Box<dyn Module>, Manifest)>> {
    let mut waiting: Vec<_> = modules.into_iter().map(|module| (module.manifest(), module)).collect();
    let names: BTreeSet<_> = waiting.iter().map(|(manifest, _)| manifest.name).collect();
    if names.len() < waiting.len() {
        return Err(Error::Setup("two modules have the same name".into()));
    }
    for (manifest, _) in &waiting {
        if let Some(missing) = manifest.requires.iter().find(|name| !names.contains(*name)) {
            return Err(Error::Setup(format!("module {} requires {missing}, which is not there", manifest.name)));
        }
    }
    let mut ordered: Vec<(Box<dyn Module>, Manifest)> = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|(manifest, _)| {
            manifest.requires.iter().all(|name| ordered.iter().any(|(_, before)| before.name == *name))
        });
        let Some(ready) = ready else {
            let circle: Vec<_> = waiting.iter().map(|(manifest, _)| manifest.name).collect();
            return Err(Error::Setup(format!("modules require each other in a circle: {}", circle.join(", "))));
        };
        let (manifest, module) = waiting.remove(ready);
        ordered.push((module, manifest));
    }
    Ok(ordered)
}

fn check_names<'m>(manifests: impl Iterator<Item = &'m Manifest>) -> Result<()> {
    let (mut kinds, mut tables) = (BTreeSet::new(), BTreeSet::new());
    let (mut permissions, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut events = BTreeSet::new();
    let twice = |what: &str, name: &str| Error::Setup(format!("{what} {name} is declared twice"));
    for manifest in manifests {
        for schema in manifest.entities {
            if !kinds.insert(schema.kind) {
                return Err(twice("entity kind", schema.kind));
            }
            match schema.home {
                Home::Table(table) if !tables.insert(table) => return Err(twice("table", table)),
                Home::Records(keys) => check_record(schema, keys)?,
                Home::Table(_) => {}
            }
        }
        for permission in manifest.permissions {
            if !permissions.insert(permission.name) {
                return Err(twice("permission", permission.name));
            }
        }
        for event in manifest.events {
            if !events.insert(*event) {
                return Err(twice("event", event));
            }
        }
        used.extend(manifest.uses.iter().map(|name| (manifest.name, *name)));
    }
    for (module, name) in used {
        if !permissions.contains(name) {
            return Err(Error::Setup(format!("module {module} uses permission {name}, which nobody defines")));
        }
    }
    Ok(())
}

fn check_record(schema: &Schema, keys: &[usize]) -> Result<()> {
    let uuid_key = matches!(schema.key, [key] if schema.columns[*key].column_type == crate::work::ColumnType::Uuid);
    if !uuid_key || schema.version.is_none() {
        return Err(Error::Setup(format!("{}: a record needs one id as its key, and a version", schema.kind)));
    }
    if keys.len() > Home::RECORD_KEYS {
        return Err(Error::Setup(format!("{}: a record has at most {} index keys", schema.kind, Home::RECORD_KEYS)));
    }
    if !schema.unique.is_empty() || !schema.counters.is_empty() {
        return Err(Error::Setup(format!("{}: unique keys and counters need a table", schema.kind)));
    }
    Ok(())
}
