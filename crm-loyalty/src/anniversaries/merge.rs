//! The days of two records that were made one, and are two again (S-44).

use crm_core::Result;
use crm_core::access::Target;
use crm_core::customers::event::{CustomersMerged, CustomersUnmerged};
use crm_core::customers::{Customer, CustomerId, customer};
use crm_core::loyalty::anniversaries::event::DayTold;
use crm_core::loyalty::anniversaries::{AnniversaryTerms, BIRTH, Celebration, SpecialDay, celebration, special_day};
use crm_core::work::{Permit, UnitOfWork, Version};

use super::service::{WRITE, tell, terms};
use crate::members::dates;

/// Two customers became one: days that only the loser has told go along, and what was celebrated of either counts. When the
/// survivor was born, their record says.
pub(crate) fn on_merged(work: &mut UnitOfWork<'_>, event: &CustomersMerged) -> Result<()> {
    let mut work = work.permit(WRITE, &Target::customer(event.survivor))?;
    let terms = terms(&mut work)?;
    for day in days_of(&mut work, event.loser)? {
        go_along(&mut work, day, event.survivor, &terms)?;
    }
    as_recorded(&mut work, event.survivor, &terms)
}

/// They are two after all: each has the days they had, but for those that were told anew since, and what was celebrated of
/// their own.
pub(crate) fn on_unmerged(work: &mut UnitOfWork<'_>, event: &CustomersUnmerged) -> Result<()> {
    let mut work = work.permit(WRITE, &Target::customer(event.survivor))?;
    let work = &mut work;
    let terms = terms(work)?;
    let today = dates(work)?.day.date_of(work.now());
    let others: Vec<Customer> = work.select(customer::merged_into_id.eq(event.survivor)).all()?;
    for mut day in days_of(work, event.loser)? {
        let key = (event.survivor, day.kind.clone());
        let Some(mut there) = work.find::<SpecialDay>(&key)? else { continue };
        let is_the_same = (there.date, there.calendar) == (day.date, day.calendar);
        if day.is_elsewhere() {
            day.celebrated_too(&there);
            if is_the_same {
                day.next_on = there.next_on;
                there.tell(None, there.calendar, today, &terms)?;
                there.noted_at = work.now();
                work.emit(&DayTold { customer: event.survivor, kind: day.kind.clone(), changed: true })?;
            } else {
                day.comes_back(today, &terms)?;
            }
            work.update(&mut day)?;
        }
        (there.celebrated_on, there.celebrated_year) = (None, None);
        let own = celebration::customer_id.eq(event.survivor).and(celebration::kind.eq(day.kind.as_str()));
        for done in work.select::<Celebration>(own).all()? {
            there.celebrated(done.fell_on, done.calendar, done.year);
        }
        work.update(&mut there)?;
        // Others who still lead to the survivor may have told one.
        for other in &others {
            if let Some(day) = work.find::<SpecialDay>(&(other.id, day.kind.clone()))? {
                go_along(work, day, event.survivor, &terms)?;
            }
        }
    }
    as_recorded(work, event.survivor, &terms)
}

fn days_of(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Vec<SpecialDay>> {
    work.select(special_day::customer_id.eq(customer)).all()
}

/// A day of a record that leads to another: if that one knows no such day, it is theirs from now on, and celebrated there.
fn go_along(
    work: &mut Permit<'_, '_>,
    mut day: SpecialDay,
    survivor: CustomerId,
    terms: &AnniversaryTerms,
) -> Result<()> {
    let is_to_go = day.date.is_some() && !day.is_elsewhere();
    let goes = match work.find::<SpecialDay>(&(survivor, day.kind.clone()))? {
        None => {
            work.insert(&SpecialDay { customer_id: survivor, version: Version::FIRST, ..day.clone() })?;
            is_to_go
        }
        Some(mut own) => {
            let goes = is_to_go && own.date.is_none();
            own.celebrated_too(&day);
            if goes {
                let today = dates(work)?.day.date_of(work.now());
                own.tell(day.date, day.calendar, today, terms)?;
                // Nobody has changed it: it is the same day elsewhere.
                own.comes_back(today, terms)?;
                own.noted_at = day.noted_at;
            }
            work.update(&mut own)?;
            goes
        }
    };
    if goes {
        day.go_elsewhere();
        work.update(&mut day)?;
        work.emit(&DayTold { customer: survivor, kind: day.kind, changed: false })?;
    }
    Ok(())
}

/// A birthday is the one of the record.
fn as_recorded(work: &mut Permit<'_, '_>, customer: CustomerId, terms: &AnniversaryTerms) -> Result<()> {
    let customer: Customer = work.get(customer)?;
    if customer.birth_date.is_some() || work.find::<SpecialDay>(&(customer.id, BIRTH.to_owned()))?.is_some() {
        tell(work, customer.id, BIRTH, customer.birth_date, None, terms)?;
    }
    Ok(())
}
