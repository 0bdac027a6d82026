//! A base rule's condition as it is asked of a record: rsigma's compiled tests, each at most once, its fields found beforehand.
//!
//! rsigma evaluates a rule that matches three times over and copies what matched, for a reader that nobody is here. What its own
//! conditions alone can say (keywords, members of arrays) stays with it.

use crate::field;
use crate::view::{Source, View};
use caponier_model::{Outcome, Side};
use rsigma_eval::compiler::eval_condition;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};

/// A condition, or a part of one.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// All of them.
    All(Vec<Condition>),
    /// At least so many of them.
    Some(u64, Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A field is there, or is not.
    There(Source, bool),
    /// The value of a field is as the matcher says; of a field that is not there, only nothing is.
    Value(Source, Box<CompiledMatcher>),
    /// What rsigma evaluates itself.
    Theirs(Box<ConditionExpr>),
}

impl Condition {
    /// Of a compiled rule. What `told` says of side and outcome is known to hold, and not asked again.
    pub(crate) fn new(rule: &CompiledRule, told: (Option<Side>, Option<Outcome>)) -> Self {
        let one = |condition| Self::of(condition, rule, told);
        match &rule.conditions[..] {
            [condition] => one(condition),
            several => Self::Some(1, several.iter().map(one).collect()),
        }
    }

    fn of(condition: &ConditionExpr, rule: &CompiledRule, told: (Option<Side>, Option<Outcome>)) -> Self {
        let each = |parts: &[ConditionExpr]| parts.iter().map(|part| Self::of(part, rule, told)).collect::<Vec<_>>();
        match condition {
            ConditionExpr::And(parts) => Self::All(each(parts)),
            ConditionExpr::Or(parts) => Self::Some(1, each(parts)),
            ConditionExpr::Not(part) => Self::Not(Box::new(Self::of(part, rule, told))),
            ConditionExpr::Identifier(name) => {
                rule.detections.get(name).map_or(Self::Some(1, Vec::new()), |detection| {
                    Self::detection(detection, told).unwrap_or_else(|| Self::Theirs(Box::new(condition.clone())))
                })
            }
            ConditionExpr::Selector { quantifier, pattern } => {
                let chosen = rule.detections.iter().filter(|(name, _)| pattern.matches_detection_name(name));
                let mut names: Vec<_> = chosen.map(|(name, _)| name).collect();
                names.sort();
                let parts: Vec<_> =
                    names.into_iter().map(|n| Self::of(&ConditionExpr::Identifier(n.clone()), rule, told)).collect();
                match quantifier {
                    Quantifier::Any => Self::Some(1, parts),
                    Quantifier::All => Self::All(parts),
                    Quantifier::Count(n) => Self::Some(*n, parts),
                }
            }
        }
    }

    /// `None` where it holds what rsigma must evaluate itself.
    fn detection(detection: &CompiledDetection, told: (Option<Side>, Option<Outcome>)) -> Option<Self> {
        let each = |parts: &[CompiledDetection]| {
            parts.iter().map(|part| Self::detection(part, told)).collect::<Option<Vec<_>>>()
        };
        match detection {
            CompiledDetection::AllOf(items) => {
                let asked = items.iter().filter(|item| !is_told(item, told));
                asked.map(Self::item).collect::<Option<Vec<_>>>().map(Self::All)
            }
            CompiledDetection::And(parts) => each(parts).map(Self::All),
            CompiledDetection::AnyOf(parts) => each(parts).map(|parts| Self::Some(1, parts)),
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => None,
        }
    }

    fn item(item: &CompiledDetectionItem) -> Option<Self> {
        let source = Source::of(item.field.as_deref()?);
        Some(match item.exists {
            Some(there) => Self::There(source, there),
            None => Self::Value(source, Box::new(item.matcher.clone())),
        })
    }

    /// Whether it holds of a record.
    pub(crate) fn holds(&self, rule: &CompiledRule, view: &View<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(rule, view)),
            Self::Some(least, parts) => {
                let mut left = *least;
                left == 0
                    || parts.iter().any(|part| {
                        left -= u64::from(part.holds(rule, view));
                        left == 0
                    })
            }
            Self::Not(part) => !part.holds(rule, view),
            Self::There(source, there) => view.says(source) == *there,
            Self::Value(source, matcher) => match view.read(source) {
                Some(value) => matcher.matches(&value.into_sigma(), view),
                None => matches!(**matcher, CompiledMatcher::Null),
            },
            Self::Theirs(condition) => eval_condition(condition, &rule.detections, view, &mut Vec::new()),
        }
    }
}

/// Whether an item asks for the side or the outcome that every record asked has.
fn is_told(item: &CompiledDetectionItem, (side, outcome): (Option<Side>, Option<Outcome>)) -> bool {
    let word = match item.field.as_deref() {
        Some("caponier.side") => side.map(Side::code),
        Some("caponier.outcome") => outcome.map(field::outcome_word),
        _ => None,
    };
    let asks = |word: &str| matches!(&item.matcher, CompiledMatcher::Exact { value, .. } if value == word);
    item.exists.is_none() && word.is_some_and(asks)
}

#[cfg(test)]
mod tests {
    use crate::view::View;
    use crate::{Columns, RuleFile, RuleSet, Value};
    use caponier_model::{Actor, Body, DeviceRef, Event, EventTime, Guid, Outcome, Severity, SignIn, TenantId};
    use rsigma_eval::evaluate_rule;

    /// Numbers, texts, a list, a null and a map under their names; and whatever text a keyword looks for.
    struct Record(Vec<(&'static str, Value<'static>)>);

    impl Columns for Record {
        fn column(&self, path: &[&str]) -> Option<Value<'_>> {
            let [key] = path else { return None };
            self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        }

        fn each_text(&self, see: &mut dyn FnMut(&str)) {
            self.0.iter().for_each(|(_, value)| value.each(see));
        }
    }

    const CONDITIONS: &[&str] = &[
        "one: {A: x}\n  condition: one",
        "one: {A: x}\n  two: {B: 2}\n  condition: one and two",
        "one: {A: x}\n  two: {B: 2}\n  condition: one or two",
        "one: {A: x}\n  two: {B: 2}\n  condition: one and not two",
        "one: {A: [x, y]}\n  two: {B|gte: 2}\n  three: {C|contains: ell}\n  condition: 2 of them",
        "one: {A: x}\n  two: {B: 2}\n  condition: all of them",
        "s_one: {A: x}\n  s_two: {B: 2}\n  other: {C: hello}\n  condition: 1 of s_* and not other",
        "one: {A|exists: true, B|exists: false}\n  condition: one",
        "one: {A: null}\n  condition: one",
        "one:\n    - {A: x, B: 1}\n    - {C|endswith: lo}\n  condition: one",
        "one: [hell, y]\n  condition: one",
        "one: {caponier.side: resource, caponier.outcome: success}\n  condition: one",
        "one: {caponier.side: resource}\n  two: {caponier.side: home, A: x}\n  condition: one or two",
        "one: {caponier.side: resource, A: x}\n  two: {caponier.outcome: failure}\n  condition: one and not two",
    ];

    #[test]
    fn a_condition_holds_where_rsigma_says_so() {
        let text = |t: &'static str| Some(Value::Text(t.into()));
        let (mut asked, mut held) = (0, 0);
        for condition in CONDITIONS {
            let head = "title: R\nname: r\nlogsource: {product: caponier, service: signin}\ndetection:\n  ";
            let rule = format!("{head}{condition}\n");
            let (set, faults) = RuleSet::read(&[RuleFile { name: "r.yml".into(), text: rule }]);
            assert!(faults.iter().all(|fault| !fault.fatal), "{condition}: {faults:?}");
            let base = set.base("r").unwrap();
            for a in [None, text("x"), text("Y"), Some(Value::Null), Some(Value::List(vec![Value::Text("x".into())]))] {
                for b in [None, Some(Value::Integer(1)), Some(Value::Integer(2)), text("2")] {
                    for c in [None, text("Hello")] {
                        let named = [("A", &a), ("B", &b), ("C", &c)];
                        let said = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
                        let record = Record(said.collect());
                        for (home, outcome) in [(1, Outcome::Success), (2, Outcome::Success), (2, Outcome::Failure)] {
                            let event = event(home, outcome);
                            let theirs = evaluate_rule(&base.compiled, &View::new(&event, &record)).is_some();
                            let mut signals = Vec::new();
                            set.signals(&event, &record, &mut signals);
                            assert_eq!(
                                !signals.is_empty(),
                                theirs,
                                "{condition}: {a:?} {b:?} {c:?} {home} {outcome:?}"
                            );
                            asked += 1;
                            held += usize::from(theirs);
                        }
                    }
                }
            }
        }
        assert!(held * 10 > asked && held * 10 < asked * 9, "{held} of {asked}");
    }

    fn event(home: u128, outcome: Outcome) -> Event<'static> {
        let tenant = |n| TenantId(Guid::from_u128(n));
        Event {
            format: "signin_diag",
            tenant: tenant(1),
            time: EventTime::MIN,
            id: None,
            operation: None,
            actor: Actor::default(),
            address: None,
            device: DeviceRef::default(),
            outcome: Some(outcome),
            severity: Severity::Unknown,
            techniques: Vec::new(),
            content: 0,
            body: Body::SignIn(SignIn { home: Some(tenant(home)), ..SignIn::default() }),
        }
    }
}
