//! The parts of the report that are told.

use crm_core::kernel::language::fill;

use super::page::{Escaped, Page};
use super::summary::Title;

/// So many rejected rows are named for each reason.
const NAMED: usize = 8;

impl Page<'_> {
    pub(super) fn top_members(&mut self) {
        let (summary, words) = (self.summary, self.words);
        if summary.top.is_empty() {
            return;
        }
        self.card("wide", words.top_members, None);
        self.put(format_args!("<div class=\"scroll\"><table><thead><tr><th></th>"));
        self.put(format_args!("<th>{}</th><th>{}</th><th>{}</th>", words.member, words.card, words.tier));
        for name in [words.purchases, words.spent, words.credit, words.points] {
            self.put(format_args!("<th class=\"n\">{name}</th>"));
        }
        self.put(format_args!("</tr></thead><tbody>"));
        let most = summary.top.iter().map(|member| member.spent_minor).max().unwrap_or(0).max(1);
        for (place, member) in (1_i64..).zip(&summary.top) {
            let name = Escaped(&member.name).to_string();
            let card = self.language.digits(&member.card);
            self.put(format_args!(
                "<tr><td class=\"place\">{}</td><td><bdi>{name}</bdi></td><td class=\"soft\"><bdi>{}</bdi></td><td>",
                Escaped(&self.count(place)),
                Escaped(&card)
            ));
            if let Some(tier) = &member.tier {
                let index = summary.tiers.iter().position(|known| known.name == *tier).unwrap_or(0);
                let said = words.tier_name(tier);
                self.put(format_args!("<span class=\"badge b-{index}\">{}</span>", Escaped(said)));
            }
            let permille = i128::from(member.spent_minor.max(0)) * 1000 / i128::from(most);
            self.put(format_args!(
                "</td><td class=\"n\">{}</td><td class=\"n meter\"><i style=\"width:{}.{}%\"></i><b>{}</b></td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                Escaped(&self.count(member.purchases)),
                permille / 10,
                permille % 10,
                Escaped(&self.money(member.spent_minor)),
                Escaped(&self.money(member.credit_minor)),
                Escaped(&self.count(member.points))
            ));
        }
        self.put(format_args!("</tbody></table></div>"));
        self.end();
    }

    pub(super) fn desk(&mut self) {
        let (summary, words) = (self.summary, self.words);
        if summary.desk.is_empty() {
            return;
        }
        self.card("wide", words.at_the_desk, Some(words.desk_lead));
        self.put(format_args!("<ol class=\"desk\">"));
        for scene in &summary.desk {
            self.put(format_args!(
                "<li><span class=\"icon\">{}</span><div><h3>{}</h3><time datetime=\"{}\">{}</time>",
                icon(scene.title),
                Escaped((words.title)(scene.title)),
                scene.on,
                Escaped(&self.date(scene.on))
            ));
            for told in &scene.told {
                self.put(format_args!("<p>{}</p>", Escaped(&self.told(told))));
            }
            self.put(format_args!("</div></li>"));
        }
        self.put(format_args!("</ol>"));
        self.end();
    }

    pub(super) fn outbox(&mut self) {
        let (summary, words) = (self.summary, self.words);
        if summary.outbox.is_empty() {
            return;
        }
        self.card("", words.outbox, Some(words.outbox_lead));
        self.put(format_args!("<ul class=\"pairs\">"));
        for topic in &summary.outbox {
            let said = words.topics.iter().find(|(known, _)| *known == topic.name).map(|(_, said)| *said);
            match said {
                Some(said) => self.put(format_args!("<li><span>{said}</span>")),
                None => self.put(format_args!("<li><span><code>{}</code></span>", Escaped(&topic.name))),
            }
            self.put(format_args!("<b>{}</b></li>", Escaped(&self.count(topic.messages))));
        }
        self.put(format_args!("</ul>"));
        self.end();
    }

    pub(super) fn history(&mut self) {
        let (rows, words) = (&self.summary.rows, self.words);
        let rejected = rows.rejected();
        let facts = [
            ("read", self.count(rows.read)),
            ("used", self.count(rows.read.saturating_sub(rejected))),
            ("rejected", self.count(rejected)),
        ];
        let class = if self.summary.outbox.is_empty() { "wide" } else { "" };
        self.card(class, words.history, Some(&fill(words.rows, &facts)));
        if rejected > 0 {
            self.put(format_args!(
                "<table><thead><tr><th>{}</th><th class=\"n\">{}</th></tr></thead><tbody>",
                words.reason, words.count
            ));
            for (reason, count) in &rows.rejected {
                let named = rows.examples.iter().filter(|row| row.reason == *reason).take(NAMED);
                let mut named: Vec<String> = named.map(|row| self.language.digits(&row.row.to_string())).collect();
                if u64::try_from(named.len()).is_ok_and(|shown| shown < *count) {
                    named.push("…".to_owned());
                }
                let named = fill(words.first_rows, &[("rows", named.join(" · "))]);
                self.put(format_args!(
                    "<tr><td>{}<small>{}</small></td><td class=\"n\">{}</td></tr>",
                    Escaped((words.why)(*reason)),
                    Escaped(&named),
                    Escaped(&self.count(*count))
                ));
            }
            self.put(format_args!("</tbody></table>"));
        }
        let (other, difference) = rows.other_price;
        if other > 0 {
            let facts = [("rows", self.count(other)), ("difference", self.money(difference))];
            self.put(format_args!("<p class=\"lead\">{}</p>", Escaped(&fill(words.other_price, &facts))));
        }
        self.end();
    }
}

/// A drawing for a scene: strokes on a square of 24.
fn icon(title: Title) -> String {
    let strokes = match title {
        Title::Partner => "M3 12l4-4 4 3 3-3 7 6M7 8L3 5M14 8l4-3 3 2M8 14l4 4 3-3M11 17l-2 2-4-4",
        Title::Credit => "M4 7h16v11H4zM4 11h16M8 15h3",
        Title::Return => "M9 7L4 12l5 5M4 12h11a5 5 0 015 5",
        Title::LostCard => "M3 6h18v12H3zM3 10h18M8 14l3 3M11 14l-3 3",
        Title::Cheque => "M3 6h18v12H3zM6 10h8M6 14h4M15 13l4 3M19 13l-4 3",
        Title::Tier => "M12 4l2.4 5 5.6.7-4.1 3.8 1.1 5.5-5-2.8L7 19l1.100-5.500L4 9.700l5.600-.7z",
        Title::Gift => "M4 11h16v9H4zM3 8h18v3H3zM12 8v12M12 8c-3 0-5-1-5-3s4-2 5 3c1-5 5-5 5-3s-2 3-5 3",
        Title::Referral => "M8 11a3 3 0 100-6 3 3 0 000 6zM3 19c0-3 2-5 5-5s5 2 5 5M17 8v6M14 11h6",
        Title::Reminder => "M6 17V11a6 6 0 0112 0v6l2 2H4zM10 21h4",
    };
    format!("<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{strokes}\"/></svg>")
}
