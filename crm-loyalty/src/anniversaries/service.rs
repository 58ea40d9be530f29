//! Telling days that come back.

use crm_core::access::Target;
use crm_core::customers::{Customer, CustomerId};
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::input::required_text;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::anniversaries::event::DayTold;
use crm_core::loyalty::anniversaries::{AnniversaryTerms, BIRTH, SpecialDay, special_day};
use crm_core::work::{Permit, UnitOfWork, Version};
use crm_core::{Error, Result};

use crate::members::dates;
use crate::{Club, programme};

/// Permission to tell days of customers that come back.
pub const WRITE: &str = "loyalty.days.write";
/// Permission to see them.
pub const READ: &str = "loyalty.days.read";

impl<'t> Club<'_, 't> {
    /// Tells a day of a customer that comes back every year of its calendar: a wedding, a name day; without a date, that it
    /// is no longer known. A birthday is told by the customer's record; here its calendar can be changed.
    ///
    /// Of a record that leads to another the days of that one are meant (S-44). A year that was celebrated is not celebrated
    /// again, whatever is told, and after a change nothing is given for as
    /// many days as the programme says (S-39).
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::calendar::Calendar;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// let wedding = Some("2019-06-22".parse()?);
    /// work.loyalty().tell_day(ala, "wedding", wedding, Calendar::Gregorian)?;
    /// let days = work.loyalty().days_of(ala)?;
    /// assert_eq!((days[0].kind.as_str(), days[0].date), ("wedding", wedding));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `day.kind` for a kind that is no word of 1 to 40 characters; `day.birth` for another date of birth than the
    /// customer's record has; [`Error::NotFound`] for a customer out of reach.
    pub fn tell_day(
        &mut self,
        customer: CustomerId,
        kind: &str,
        date: Option<CivilDate>,
        calendar: Calendar,
    ) -> Result<SpecialDay> {
        let (mut work, customer) = self.on_customer(WRITE, customer)?;
        let kind = required_text("kind", kind, 40).map_err(|_| Error::invalid("kind", "day.kind"))?;
        if kind == BIRTH && date != customer.birth_date {
            return Err(Error::invalid("date", "day.birth"));
        }
        let terms = terms(&mut work)?;
        tell(&mut work, customer.id, &kind, date, Some(calendar), &terms)
    }

    /// The days of a customer that come back.
    ///
    /// There is an example at [`tell_day`](Self::tell_day).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer out of reach.
    pub fn days_of(&mut self, customer: CustomerId) -> Result<Vec<SpecialDay>> {
        let (mut work, customer) = self.on_customer(READ, customer)?;
        work.select(special_day::customer_id.eq(customer.id)).all()
    }

    /// The customer; the one they were merged into, if they were (S-44).
    fn on_customer(&mut self, permission: &'static str, customer: CustomerId) -> Result<(Permit<'_, 't>, Customer)> {
        let (mut work, mut customer) = self.0.permit_on::<Customer>(permission, customer)?;
        while let Some(into) = customer.merged_into_id {
            (_, customer) = work.permit_on::<Customer>(permission, into)?;
        }
        Ok((work, customer))
    }
}

/// A customer was created: their birthday is told.
pub(crate) fn on_customer(work: &mut UnitOfWork<'_>, customer: CustomerId) -> Result<()> {
    let mut work = work.permit(WRITE, &Target::customer(customer))?;
    let customer: Customer = work.get(customer)?;
    if customer.birth_date.is_some() {
        let terms = terms(&mut work)?;
        tell(&mut work, customer.id, BIRTH, customer.birth_date, None, &terms)?;
    }
    Ok(())
}

/// A customer was changed: so is their birthday, if that was.
pub(crate) fn on_changed(work: &mut UnitOfWork<'_>, customer: CustomerId, columns: &[String]) -> Result<()> {
    if !columns.iter().any(|column| column == "birth_date") {
        return Ok(());
    }
    let mut work = work.permit(WRITE, &Target::customer(customer))?;
    let customer: Customer = work.get(customer)?;
    let terms = terms(&mut work)?;
    tell(&mut work, customer.id, BIRTH, customer.birth_date, None, &terms).map(drop)
}

pub(super) fn terms(work: &mut Permit<'_, '_>) -> Result<AnniversaryTerms> {
    let now = work.now();
    let compiled = programme::current(work, now)?;
    Ok(compiled.map(|compiled| compiled.programme.anniversaries.clone()).unwrap_or_default())
}

/// Writes a day down. Without a calendar it keeps the one it has, or gets the programme's for birthdays.
pub(super) fn tell(
    work: &mut Permit<'_, '_>,
    customer: CustomerId,
    kind: &str,
    date: Option<CivilDate>,
    calendar: Option<Calendar>,
    terms: &AnniversaryTerms,
) -> Result<SpecialDay> {
    let now = work.now();
    let today = dates(work)?.day.date_of(now);
    let known = work.find::<SpecialDay>(&(customer, kind.to_owned()))?;
    let changed = known.is_some();
    let mut day = known.unwrap_or_else(|| SpecialDay {
        customer_id: customer,
        kind: kind.to_owned(),
        version: Version::FIRST,
        date: None,
        calendar: calendar.unwrap_or(terms.birth_calendar),
        noted_at: now,
        next_on: CivilDate::MAX,
        celebrated_on: None,
        celebrated_year: None,
    });
    let calendar = calendar.unwrap_or(day.calendar);
    if changed && (day.date, day.calendar) == (date, calendar) {
        return Ok(day);
    }
    day.tell(date, calendar, today, terms)?;
    day.noted_at = now;
    if changed {
        work.update(&mut day)?;
    } else {
        work.insert(&day)?;
    }
    work.emit(&DayTold { customer, kind: kind.to_owned(), changed })?;
    Ok(day)
}
