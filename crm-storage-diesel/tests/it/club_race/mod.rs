//! T-8 for the club: many tills, threads and processes, want the same credit, points, gift card, budget or reward at the same
//! moment. Exactly the right number get it, everybody else a typed refusal, and the books agree.

mod contests;
mod world;

use std::collections::BTreeMap;

use crm_core::Error;
use crm_core::conformance::{Turn, race};

use crate::{databases, processes};
use contests::{CONTESTS, Contest};
use world::World;

const PROCESSES: usize = 3;
const THREADS: usize = 4;
const TRIES: usize = 3;

/// How often something is tried at once. There is enough for [`contests::ENOUGH`].
const ALL: usize = PROCESSES * THREADS * TRIES;

/// What a try ended in, as a word that a child can say.
fn word(ended: Result<(), Error>) -> String {
    match ended {
        Ok(()) => "won".to_owned(),
        Err(Error::Invalid { rule, .. }) => rule.to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// Tries from so many threads at once, so many times each.
fn storm(world: &World, contest: &Contest, (workers, rounds): (usize, usize), first: usize) -> Vec<String> {
    let crm = world.crm.clone();
    let ended = race(workers, rounds, |Turn { worker, round }| {
        let ended = (contest.attempt)(&crm, &world.ids, first + worker * rounds + round);
        Ok(word(ended))
    });
    ended.into_iter().flat_map(|round| round.won).collect()
}

/// A child of the race: tries when it is told to, and says every outcome.
#[test]
fn child() {
    let Some(words) = processes::role("club_race::child") else { return };
    let [url, process, ids] = words.as_slice() else { panic!("{words:?}") };
    let world = World::join(url, ids);
    for contest in CONTESTS {
        processes::say("ready");
        processes::wait_for_go();
        let first = process.parse::<usize>().unwrap() * THREADS * TRIES;
        for word in storm(&world, contest, (THREADS, TRIES), first) {
            processes::say(&word);
        }
        processes::say("over");
    }
}

/// As many have won as there was enough for, and the others were told why not.
fn judge(world: &World, contest: &Contest, words: Vec<String>) {
    let name = contest.name;
    let mut count = BTreeMap::<String, usize>::new();
    for word in words {
        *count.entry(word).or_default() += 1;
    }
    let won = count.remove("won").unwrap_or_default();
    assert_eq!(won, contest.wins, "{name}: {count:?}");
    assert!(count.keys().all(|word| contest.refusals.contains(&word.as_str())), "{name}: {count:?}");
    assert_eq!(won + count.values().sum::<usize>(), ALL, "{name}: every try has ended");
    (contest.check)(world);
    assert_eq!(world.crm.blocking().verify().unwrap(), [], "{name}");
}

/// Every contest by the threads of one process.
fn threads(url: &str) {
    let world = World::new(url);
    for contest in CONTESTS {
        judge(&world, contest, storm(&world, contest, (PROCESSES * THREADS, TRIES), 0));
    }
    world.crm.blocking().close().unwrap();
}

/// Every contest by the threads of several processes.
fn several_processes(url: &str) {
    let world = World::new(url);
    let ids = world.ids.to_word();
    let spawn = |process: usize| processes::spawn("club_race::child", &[url, &process.to_string(), &ids]);
    let mut children: Vec<_> = (0..PROCESSES).map(spawn).collect();
    let mut lines: Vec<_> = children.iter_mut().map(processes::Running::lines).collect();
    for contest in CONTESTS {
        for line in &mut lines {
            assert_eq!(line.next().as_deref(), Some("ready"));
        }
        children.iter_mut().for_each(processes::Running::go);
        let words = lines.iter_mut().flat_map(|lines| lines.take_while(|word| word != "over").collect::<Vec<_>>());
        let words = words.collect();
        judge(&world, contest, words);
    }
    children.into_iter().for_each(processes::Running::finish);
    world.crm.blocking().close().unwrap();
}

#[test]
fn sqlite_threads() {
    threads(databases::sqlite_file().url());
}

#[test]
fn sqlite_processes() {
    several_processes(databases::sqlite_file().url());
}

#[test]
fn postgres_threads() {
    threads(databases::postgres().url());
}

#[test]
fn postgres_processes() {
    several_processes(databases::postgres().url());
}
