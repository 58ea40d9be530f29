//! A third party's module: an entity, an operation with a permission, and a handler of somebody else's event.
//! It needs no table and no SQL: its rows live in the shared records table.

use crm_core::access::{Actor, Principal, Reach, Target};
use crm_core::customers::event::CustomerCreated;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::page::Limit;
use crm_core::module::{About, Event, Manifest, Module, Permission, Registry};
use crm_core::work::{Entity, UnitOfWork, Version};
use crm_core::{Crm, Error, Result};
use crm_storage_diesel::DieselStorage;

/// Permission to write notes.
const WRITE: &str = "notes.write";
/// Permission to read notes.
const READ: &str = "notes.read";

crm_core::id! {
    /// Names a note.
    pub struct NoteId;
}

crm_core::entity! {
    /// A note about a customer.
    pub struct Note {
        kind: "notes.note", records: [customer_id], key: (id: NoteId), columns: note, version: version, personal: [text],
        scoped: { customer: customer_id },
    } {
        /// Its id.
        id: NoteId,
        /// The optimistic lock.
        version: Version,
        /// Whom it is about.
        customer_id: CustomerId,
        /// What it says.
        text: String,
    }
}

/// A note was written.
#[derive(Debug, serde::Serialize)]
struct NoteWritten {
    customer: CustomerId,
}

impl Event for NoteWritten {
    const KIND: &'static str = "notes.written";

    fn about(&self) -> About {
        About { customer: Some(self.customer), ..About::default() }
    }
}

/// The operations of this module, as an extension of the unit of work.
trait Notes {
    fn write_note(&mut self, customer: CustomerId, text: &str) -> Result<Note>;
    fn notes_of(&mut self, customer: CustomerId) -> Result<Vec<Note>>;
}

impl Notes for UnitOfWork<'_> {
    fn write_note(&mut self, customer: CustomerId, text: &str) -> Result<Note> {
        let mut permit = self.permit(WRITE, &Target::customer(customer))?;
        let text = crm_core::kernel::input::required_text("text", text, 2_000)?;
        let note = Note { id: permit.new_id(), version: Version::FIRST, customer_id: customer, text };
        permit.insert(&note)?;
        permit.emit(&NoteWritten { customer })?;
        Ok(note)
    }

    fn notes_of(&mut self, customer: CustomerId) -> Result<Vec<Note>> {
        Ok(self.within(READ)?.select(note::customer_id.eq(customer)).page(Limit::default(), None)?.items)
    }
}

struct NotesModule;

impl Module for NotesModule {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "notes",
            requires: &["core"],
            permissions: &[
                Permission { name: WRITE, about: "write notes about customers" },
                Permission { name: READ, about: "read notes about customers" },
            ],
            uses: &[],
            entities: &[Note::SCHEMA],
            events: &[NoteWritten::KIND],
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        // In the transaction that creates the customer, and as this module, with this module's permissions.
        registry.on::<CustomerCreated>("welcome note", |work, event| {
            work.write_note(event.customer, "Say hello.").map(|_| ())
        });
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let storage = DieselStorage::open("sqlite::memory:")?;
    let crm = Crm::builder(storage).module(NotesModule).build().await?;
    print!("{}", crm.describe());

    let customer =
        crm.run(&Actor::system(), "create", |work| work.customers().create(NewCustomer::person("سارا کریمی"))).await?;
    let id = customer.id;

    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into())).granted(READ, Reach::all());
    let refused = crm.run(&clerk, "note", move |work| work.write_note(id, "Prefers mornings.")).await;
    println!("a clerk who may only read: {}", refused.err().map_or_else(String::new, |error| error.to_string()));

    let writer = clerk.granted(WRITE, Reach::all());
    crm.run(&writer, "note", move |work| work.write_note(id, "Prefers mornings.")).await?;
    let notes = crm.read(&writer, "notes", move |work| work.notes_of(id)).await?;
    for note in &notes {
        println!("note: {}", note.text);
    }
    if notes.len() != 2 {
        return Err(Error::Setup(format!("two notes expected, {} found", notes.len())));
    }
    crm.close().await
}
