//! The stories of accounts that mean no harm: one function a story, or a few stories that differ in what is kept.

use super::Story;
use super::people::{Person, stranger};
use super::scribe::{BEGIN, END, KEPT, Scribe, ext_name, guest_row, home_row, member_row};
use caponier_model::{AccountKey, AccountRow, EventTime, Statement, Verdict};
use compact_str::format_compact;

/// All the time that logs are kept of.
const ALWAYS: (EventTime, EventTime) = (BEGIN, END);
/// Half of it.
const MIDDLE: EventTime = BEGIN.plus_seconds(KEPT / 2);

/// Writes down what happened to account number `number`.
pub(super) fn tell(story: Story, number: usize, scribe: &mut Scribe) {
    match story {
        Story::Invited | Story::SignsIn | Story::SeenUnderMail | Story::NameMissing | Story::OneLog => {
            visitor(story, number, scribe)
        }
        Story::Synchronised | Story::SynchronisedLongAgo => synchronised(story, number, scribe),
        Story::AzureCaller => caller(number, scribe),
        Story::NeverUsed | Story::MailOnly | Story::Pending => unused(story, number, scribe),
        Story::Consumer | Story::Internal | Story::UnknownHome => homeless(story, number, scribe),
        Story::Converted => converted(number, scribe),
        Story::RenamedAtHome => renamed(number, scribe),
        Story::GivenAway => given_away(number, scribe),
        Story::InvitedAgain => invited_again(number, scribe),
        Story::Leaver | Story::AddressReused => leaver(story, number, scribe),
        _ => twin(story, number, scribe),
    }
}

/// The account, the person behind it, and the row that a plain invitation leads to.
pub(super) fn plain(number: usize, scribe: &mut Scribe) -> (Person, AccountRow) {
    let person = scribe.people.behind(number);
    let row = row_for(&person, number, scribe);
    (person, row)
}

pub(super) fn row_for(person: &Person, number: usize, scribe: &mut Scribe) -> AccountRow {
    let account = account(number, scribe);
    guest_row(account, &person.mail, &scribe.resource(number).initial, &person.display)
}

pub(super) fn account(number: usize, scribe: &mut Scribe) -> AccountKey {
    let tenant = scribe.resource(number).id;
    stranger(&mut scribe.random, tenant)
}

fn visitor(story: Story, number: usize, scribe: &mut Scribe) {
    let (person, mut row) = plain(number, scribe);
    let guest = row.account;
    let invited = scribe.between(BEGIN, MIDDLE);
    let redeemed = invited.plus_seconds(3600);
    let used = match story {
        Story::Invited => {
            row.created = Some(invited);
            scribe.invitation(guest, &person.mail, invited, Some(redeemed));
            scribe.seen_in_both(guest, person.key, &person.upn, (redeemed, END))
        }
        Story::SeenUnderMail | Story::NameMissing => {
            row.created = Some(invited);
            scribe.invitation(guest, &person.mail, invited, Some(redeemed));
            let name = (story == Story::SeenUnderMail).then_some(person.mail.as_str());
            scribe.seen_there(guest, person.key.tenant, name, (redeemed, END))
        }
        Story::OneLog => scribe.seen_there(guest, person.key.tenant, Some(&person.upn), ALWAYS),
        _ => {
            row.mail = None;
            scribe.seen_in_both(guest, person.key, &person.upn, ALWAYS)
        }
    };
    scribe.rows.accounts.push(row);
    scribe.answer(story, guest, used, Some(person.key), true);
}

/// Synchronisation names the account after the home user name, makes it a member, and carries the employee id.
fn synchronised(story: Story, number: usize, scribe: &mut Scribe) {
    let (person, mut row) = plain(number, scribe);
    let guest = row.account;
    row.upn = Some(ext_name(&person.upn, &scribe.resource(number).initial));
    row.user_type = Some("member".into());
    row.employee.clone_from(&person.employee);
    let used = if story == Story::SynchronisedLongAgo {
        row.home_object = Some(person.key.object);
        scribe.seen_there(guest, person.key.tenant, Some(&person.upn), ALWAYS)
    } else {
        let made = scribe.between(BEGIN, MIDDLE);
        row.created = Some(made);
        scribe.provisioning(person.key, guest, "create", made);
        let updated = scribe.between(made, END);
        scribe.provisioning(person.key, guest, "update", updated);
        if number.is_multiple_of(2) {
            scribe.seen_in_both(guest, person.key, &person.upn, (made, END))
        } else {
            updated
        }
    };
    scribe.rows.accounts.push(row);
    scribe.answer(story, guest, used, Some(person.key), true);
}

fn caller(number: usize, scribe: &mut Scribe) {
    let (person, row) = plain(number, scribe);
    let (guest, home) = (row.account, person.key);
    let mut used = BEGIN;
    for _ in 0..1 + scribe.random.below(4) {
        let time = scribe.instant();
        scribe.call(guest, home.tenant, Some(person.puid()), Some(format_compact!("10033{number:011X}")), time);
        used = used.max(time);
    }
    let time = scribe.instant();
    scribe.call(home, home.tenant, None, Some(person.puid()), time);
    scribe.rows.accounts.push(row);
    scribe.answer(Story::AzureCaller, guest, used, Some(home), true);
}

fn unused(story: Story, number: usize, scribe: &mut Scribe) {
    let (person, mut row) = plain(number, scribe);
    if story == Story::NeverUsed {
        row.employee.clone_from(&person.employee);
        row.home_object = Some(person.key.object);
    }
    if story == Story::Pending {
        row.external_state = Some("pendingacceptance".into());
        let time = scribe.instant();
        scribe.invitation(row.account, &person.mail, time, None);
    }
    scribe.answer(story, row.account, END.plus_seconds(-1), Some(person.key), false);
    scribe.rows.accounts.push(row);
}

fn homeless(story: Story, number: usize, scribe: &mut Scribe) {
    let guest = account(number, scribe);
    let initial = scribe.resource(number).initial.clone();
    let used = match story {
        Story::Consumer => {
            let address = format_compact!("someone{number}@mail.test");
            let row = guest_row(guest, &address, &initial, "Someone");
            scribe.rows.accounts.push(AccountRow { external_entra: false, ..row });
            scribe.seen_there(guest, scribe.personal, Some(&address), ALWAYS)
        }
        Story::Internal => {
            let upn = format_compact!("internal{number}@{}", scribe.resource(number).domain);
            let row = member_row(guest, &upn);
            scribe.rows.accounts.push(AccountRow { user_type: Some("guest".into()), ..row });
            END.plus_seconds(-1)
        }
        _ => {
            // A few hundred partners that nobody monitors.
            let partner = number % 300;
            let home = scribe.people.partner(partner);
            let address = format_compact!("someone{number}@partner{partner}.test");
            scribe.rows.accounts.push(guest_row(guest, &address, &initial, "Someone"));
            scribe.seen_there(guest, home, Some(&address), ALWAYS)
        }
    };
    scribe.answer(story, guest, used, None, false);
}

fn converted(number: usize, scribe: &mut Scribe) {
    let (person, row) = plain(number, scribe);
    let guest = row.account;
    let upn = format_compact!("converted{number}@{}", scribe.resource(number).domain);
    let used = scribe.seen_in_both(guest, person.key, &person.upn, (BEGIN, MIDDLE));
    let after = AccountRow { upn: Some(upn), user_type: Some("member".into()), ..row.clone() };
    scribe.rows.accounts.push(AccountRow { seen: Some(BEGIN), ..row });
    scribe.rows.accounts.push(AccountRow { seen: Some(MIDDLE.plus_seconds(1)), ..after });
    scribe.answer(Story::Converted, guest, used, Some(person.key), true);
    scribe.answer(Story::Converted, guest, END.plus_seconds(-1), None, false);
}

fn renamed(number: usize, scribe: &mut Scribe) {
    let person = scribe.special();
    let row = row_for(&person, number, scribe);
    let guest = row.account;
    let before = home_row(&person);
    let upn = format_compact!("married.{}", person.upn);
    let after = AccountRow { upn: Some(upn.clone()), mail: Some(upn.clone()), ..before.clone() };
    // An old address stays with its owner.
    let addresses = [before.addresses.clone(), vec![person.upn.clone(), person.mail.clone()]].concat();
    scribe.rows.accounts.push(AccountRow { seen: Some(BEGIN), ..before });
    scribe.rows.accounts.push(AccountRow { seen: Some(MIDDLE), addresses, ..after });
    let first = scribe.seen_in_both(guest, person.key, &person.upn, (BEGIN, MIDDLE.plus_seconds(-60)));
    let last = scribe.seen_in_both(guest, person.key, &upn, (MIDDLE.plus_seconds(60), END));
    scribe.rows.accounts.push(row);
    scribe.answer(Story::RenamedAtHome, guest, first, Some(person.key), true);
    scribe.answer(Story::RenamedAtHome, guest, last, Some(person.key), true);
}

fn given_away(number: usize, scribe: &mut Scribe) {
    let (first, mut row) = plain(number, scribe);
    let second = scribe.special();
    let guest = row.account;
    let before = scribe.seen_in_both(guest, first.key, &first.upn, (BEGIN, MIDDLE));
    let again = MIDDLE.plus_seconds(86_400);
    scribe.invitation(guest, &second.mail, again, Some(again.plus_seconds(60)));
    let after = scribe.seen_in_both(guest, second.key, &second.upn, (again.plus_seconds(86_400), END));
    scribe.rows.accounts.push(home_row(&second));
    scribe.rows.accounts.push(AccountRow { seen: Some(BEGIN), ..row.clone() });
    row.mail = Some(second.mail);
    scribe.rows.accounts.push(AccountRow { seen: Some(again), ..row });
    scribe.answer(Story::GivenAway, guest, before, Some(first.key), true);
    scribe.answer(Story::GivenAway, guest, after, Some(second.key), true);
}

fn invited_again(number: usize, scribe: &mut Scribe) {
    let (person, row) = plain(number, scribe);
    let new = AccountRow { created: Some(MIDDLE.plus_seconds(3600)), ..row.clone() };
    let new = AccountRow { account: account(number, scribe), ..new };
    for (row, when) in [(row, (BEGIN, MIDDLE)), (new, (MIDDLE.plus_seconds(7200), END))] {
        let used = scribe.seen_in_both(row.account, person.key, &person.upn, when);
        scribe.answer(Story::InvitedAgain, row.account, used, Some(person.key), true);
        let deleted = (when.1 == MIDDLE).then_some(MIDDLE.plus_seconds(60));
        scribe.rows.accounts.push(AccountRow { deleted, ..row });
    }
}

fn leaver(story: Story, number: usize, scribe: &mut Scribe) {
    let person = scribe.special();
    let row = row_for(&person, number, scribe);
    let used = scribe.seen_in_both(row.account, person.key, &person.upn, (BEGIN, MIDDLE));
    let left = MIDDLE.plus_seconds(3600);
    scribe.rows.accounts.push(AccountRow { deleted: Some(left), ..home_row(&person) });
    if story == Story::AddressReused {
        let newcomer = scribe.special();
        let given = AccountRow { created: Some(left.plus_seconds(30 * 86_400)), ..home_row(&newcomer) };
        let given = AccountRow { upn: Some(person.upn.clone()), mail: Some(person.mail.clone()), ..given };
        scribe.rows.accounts.push(AccountRow { addresses: Vec::new(), ..given });
    }
    scribe.answer(story, row.account, used, Some(person.key), true);
    scribe.rows.accounts.push(row);
}

fn twin(story: Story, number: usize, scribe: &mut Scribe) {
    let person = scribe.people.behind(number);
    let twin = account(number, scribe);
    let upn = format_compact!("adm-{}@{}", person.local(), scribe.resource(number).domain);
    let mut row = AccountRow { display: Some(person.display.clone()), ..member_row(twin, &upn) };
    match story {
        Story::TwinStated => scribe.rows.statements.push(Statement {
            account: twin,
            home: person.key,
            at: BEGIN,
            verdict: Verdict::Same,
            author: "configuration".into(),
            reason: "second account".into(),
            from: EventTime::MIN,
            until: EventTime::MAX,
        }),
        Story::TwinNamed => row.employee.clone_from(&person.employee),
        _ => {
            row.onprem_sid.clone_from(&person.onprem_sid);
            row.immutable_id.clone_from(&person.immutable_id);
        }
    }
    scribe.rows.accounts.push(row);
    scribe.answer(story, twin, END.plus_seconds(-1), Some(person.key), story == Story::TwinStated);
}
