//! Which entry of the dial plan is a call for?

use super::Extension;

/// Whom a call asks for, and who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The user part that was dialled; may be empty.
    pub number: String,
    /// The account that the call came by, if it came by one.
    pub account: Option<String>,
    /// The user part of who calls; may be empty.
    pub caller: String,
    /// Who is behind it as far as that is known, as log lines name them: for what must not be
    /// tried too often.
    pub origin: String,
    /// The user of ours whose password the caller has proved.
    pub user: Option<String>,
}

/// The calls that something answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// None stands for every number that no other entry has.
    pub extensions: Vec<Extension>,
    /// The accounts that calls come by; none stands for all, and for no account.
    pub accounts: Vec<String>,
    /// Who may call, by the user part; none stands for everybody.
    pub callers: Vec<Extension>,
}

/// What a dial plan says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is for the entry at this place.
    Entry(usize),
    /// The number exists, but not for this caller.
    Forbidden,
    /// Nobody has this number.
    Unknown,
}

impl Entry {
    /// What both stand for, if one call could be for either.
    pub fn overlap<'a>(&'a self, other: &'a Self) -> Option<Overlap<'a>> {
        let share_accounts = self.accounts.is_empty()
            || other.accounts.is_empty()
            || self.accounts.iter().any(|it| other.accounts.contains(it));
        let share_callers = self.callers.is_empty()
            || other.callers.is_empty()
            || pair(&self.callers, &other.callers).is_some();
        if !share_accounts || !share_callers {
            return None;
        }
        if self.extensions.is_empty() && other.extensions.is_empty() {
            return Some(Overlap::EveryNumber);
        }
        pair(&self.extensions, &other.extensions).map(|(a, b)| Overlap::Numbers(a, b))
    }

    fn is_by(&self, wish: &Wish) -> bool {
        let named = |account: &String| self.accounts.contains(account);
        self.accounts.is_empty() || wish.account.as_ref().is_some_and(named)
    }

    fn is_from(&self, wish: &Wish) -> bool {
        self.callers.is_empty() || self.callers.iter().any(|it| it.matches(&wish.caller))
    }

    /// Whether it names the number.
    pub fn is_for(&self, wish: &Wish) -> bool {
        self.extensions.iter().any(|it| it.matches(&wish.number))
    }
}

/// Where two entries of a dial plan meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap<'a> {
    /// An extension of each.
    Numbers(&'a Extension, &'a Extension),
    /// Both stand for whatever nobody else has.
    EveryNumber,
}

/// Finds the entry for a call: one that names the number, or else one that takes them all.
pub fn choose<'a>(plan: impl Iterator<Item = &'a Entry> + Clone, wish: &Wish) -> Choice {
    let by_account = plan.enumerate().filter(|(_, it)| it.is_by(wish));
    let named = by_account.clone().filter(|(_, it)| it.is_for(wish));
    let rest = by_account.filter(|(_, it)| it.extensions.is_empty());
    let mut choice = Choice::Unknown;
    for (at, entry) in named.chain(rest) {
        if entry.is_from(wish) {
            return Choice::Entry(at);
        }
        choice = Choice::Forbidden;
    }
    choice
}

fn pair<'a>(a: &'a [Extension], b: &'a [Extension]) -> Option<(&'a Extension, &'a Extension)> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    pairs.into_iter().find(|(a, b)| a.overlaps(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<Extension> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    fn entry(extensions: &[&str], accounts: &[&str], callers: &[&str]) -> Entry {
        Entry {
            extensions: list(extensions),
            accounts: accounts.iter().map(ToString::to_string).collect(),
            callers: list(callers),
        }
    }

    fn wish(number: &str, account: Option<&str>, caller: &str) -> Wish {
        Wish {
            number: number.to_owned(),
            account: account.map(str::to_owned),
            caller: caller.to_owned(),
            ..Wish::default()
        }
    }

    #[test]
    fn a_call_is_for_the_entry_that_names_its_number_and_else_for_the_one_that_names_none() {
        let plan = [
            entry(&[], &[], &[]),
            entry(&["700", "_71X"], &[], &[]),
            entry(&["720"], &["office"], &[]),
            entry(&["730"], &[], &["_1XX"]),
        ];
        for (wish, want) in [
            (wish("700", None, ""), Choice::Entry(1)),
            (wish("715", Some("office"), ""), Choice::Entry(1)),
            (wish("720", Some("office"), ""), Choice::Entry(2)),
            (wish("720", Some("home"), ""), Choice::Entry(0)),
            (wish("730", None, "101"), Choice::Entry(3)),
            (wish("999", None, ""), Choice::Entry(0)),
        ] {
            assert_eq!(choose(plan.iter(), &wish), want, "{wish:?}");
        }
        let without_rest = || plan[1..].iter();
        assert_eq!(
            choose(without_rest(), &wish("999", None, "")),
            Choice::Unknown
        );
        assert_eq!(
            choose(without_rest(), &wish("730", None, "99")),
            Choice::Forbidden
        );
    }

    #[test]
    fn entries_overlap_unless_number_account_or_caller_tells_them_apart() {
        let one = entry(&["700", "_71X"], &[], &[]);
        let met = entry(&["9", "_7X5"], &["office"], &["5"]);
        assert_eq!(
            one.overlap(&met),
            Some(Overlap::Numbers(&one.extensions[1], &met.extensions[1]))
        );
        assert_eq!(one.overlap(&entry(&["701"], &[], &[])), None);
        assert_eq!(one.overlap(&entry(&[], &[], &[])), None);
        assert_eq!(met.overlap(&entry(&["9"], &["home"], &[])), None);
        assert_eq!(met.overlap(&entry(&["9"], &[], &["_6X"])), None);
        let all = entry(&[], &[], &[]);
        assert_eq!(all.overlap(&all), Some(Overlap::EveryNumber));
    }
}
