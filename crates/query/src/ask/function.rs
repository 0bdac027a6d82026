//! The identity index as SQL functions: who an account is at a moment, and which account a name means. Vectorised: a constant
//! argument is read once, and only the answer's column is allocated.

use super::known::Subject;
use super::sheet::{moment, written};
use caponier_model::{AccountKey, EventTime, Guid, Handle, TenantId};
use datafusion::arrow::array::{Array, AsArray, StringArray, StringBuilder, TimestampNanosecondArray};
use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What is asked of the index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Asked {
    HomeAccount,
    Person,
    AccountNamed,
}

impl Asked {
    pub(super) const ALL: [Self; 3] = [Self::HomeAccount, Self::Person, Self::AccountNamed];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HomeAccount => "home_account",
            Self::Person => "person",
            Self::AccountNamed => "account_named",
        }
    }

    pub(super) const fn arguments(self) -> &'static str {
        match self {
            Self::HomeAccount | Self::Person => "(tenant, object_id[, at])",
            Self::AccountNamed => "(tenant, name[, at])",
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::HomeAccount => {
                "the home account that an accepted link leads to at that time, as `tenant_id/object_id`; null where none does"
            }
            Self::Person => {
                "the person: the home account, or the account itself where no accepted link leads away; null for an account \
                 that nothing names"
            }
            Self::AccountNamed => {
                "the object id of the one account of the tenant that bears the UPN, address, SID or PUID at that time; null \
                 where nobody or more than one does"
            }
        }
    }
}

/// The functions of a session.
pub(super) fn functions(subject: &Arc<Subject>) -> impl Iterator<Item = ScalarUDF> {
    Asked::ALL.into_iter().map(|asked| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Probe { asked, subject: Arc::clone(subject), signature })
    })
}

struct Probe {
    asked: Asked,
    subject: Arc<Subject>,
    signature: Signature,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {:?}", self.asked.name(), self.subject)
    }
}

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        self.asked == other.asked && Arc::ptr_eq(&self.subject, &other.subject)
    }
}

impl Eq for Probe {}

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked.hash(state);
    }
}

impl ScalarUDFImpl for Probe {
    fn name(&self) -> &str {
        self.asked.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let (name, arguments) = (self.asked.name(), self.asked.arguments());
        if !(2..=3).contains(&given.len()) {
            return plan_err!("{name} is called as {name}{arguments}, not with {} arguments", given.len());
        }
        let wanted = given.iter().enumerate().map(|(at, given)| match given {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => Ok(DataType::Utf8),
            DataType::Null if at < 2 => Ok(DataType::Utf8),
            DataType::Null | DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 if at == 2 => Ok(moment()),
            other => plan_err!(
                "argument {} of {name}{arguments} is {}, not {other}",
                at + 1,
                if at == 2 { "a time or its text" } else { "a text" }
            ),
        });
        wanted.collect()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let mut given = args.args.iter();
        let (Some(tenant), Some(said)) = (given.next(), given.next()) else {
            return plan_err!("{} lacks an argument", self.asked.name());
        };
        let (mut tenant, said) = (TenantArgument::new(tenant)?, Argument::new(said)?);
        let at = given.next().map(TimeArgument::new).transpose()?;
        let mut out = StringBuilder::with_capacity(rows, rows * 74);
        for row in 0..rows {
            let at = at.as_ref().map_or(Some(LATEST), |at| at.get(row));
            match (tenant.get(&self.subject, row), said.get(row), at) {
                (Some(tenant), Some(said), Some(at)) => self.answer(tenant, said, at, &mut out),
                _ => out.append_null(),
            }
        }
        let out = out.finish();
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?)
        } else {
            ColumnarValue::Array(Arc::new(out))
        })
    }
}

/// The latest known state: as `resolve` without a time.
pub(super) const LATEST: EventTime = EventTime::MAX.plus_seconds(-1);

impl Probe {
    fn answer(&self, tenant: TenantId, said: &str, at: EventTime, out: &mut StringBuilder) {
        if self.asked == Asked::AccountNamed {
            match self.named(tenant, said, at) {
                Some(account) => written(out, account.object),
                None => out.append_null(),
            }
            return;
        }
        let Some(object) = Guid::parse(said) else { return out.append_null() };
        let account = AccountKey { tenant, object };
        let person = self.subject.persons.person(account, at);
        let known = || match self.asked {
            Asked::Person => self.subject.is_known(account),
            Asked::HomeAccount | Asked::AccountNamed => false,
        };
        if person != account || known() { written(out, person) } else { out.append_null() }
    }

    /// Names are folded as the index folds them; a PUID is tried where no account bears the text as a name.
    fn named(&self, tenant: TenantId, said: &str, at: EventTime) -> Option<AccountKey> {
        let persons = &self.subject.persons;
        let upper = said.to_ascii_uppercase();
        if upper.starts_with("S-1-") {
            return persons.account(tenant, Handle::Sid(&upper), at);
        }
        let lower = said.to_lowercase();
        persons.account(tenant, Handle::Name(&lower), at).or_else(|| persons.account(tenant, Handle::Puid(&upper), at))
    }
}

/// Texts of one argument, row by row.
enum Argument<'a> {
    One(Option<&'a str>),
    Many(&'a StringArray),
}

impl<'a> Argument<'a> {
    fn new(value: &'a ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Scalar(scalar) => match scalar.try_as_str() {
                Some(text) => Ok(Self::One(text)),
                None if scalar.is_null() => Ok(Self::One(None)),
                None => exec_err!("{scalar} is no text"),
            },
            ColumnarValue::Array(array) => match array.as_string_opt() {
                Some(texts) => Ok(Self::Many(texts)),
                None => exec_err!("a column of {} is no text", array.data_type()),
            },
        }
    }

    fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::One(text) => *text,
            Self::Many(texts) => texts.is_valid(row).then(|| texts.value(row)),
        }
    }
}

/// Tenants of one argument. Neighbouring rows mostly name the same one, so the last is kept.
struct TenantArgument<'a> {
    texts: Argument<'a>,
    last: (&'a str, Option<TenantId>),
}

impl<'a> TenantArgument<'a> {
    fn new(value: &'a ColumnarValue) -> Result<Self> {
        Ok(Self { texts: Argument::new(value)?, last: ("", None) })
    }

    fn get(&mut self, subject: &Subject, row: usize) -> Option<TenantId> {
        let text = self.texts.get(row)?;
        if self.last.0 != text {
            self.last = (text, subject.tenant(text));
        }
        self.last.1
    }
}

/// Times of one argument: moments, or texts that name them.
enum TimeArgument<'a> {
    One(Option<EventTime>),
    Moments(&'a TimestampNanosecondArray),
    Texts(&'a StringArray),
}

impl<'a> TimeArgument<'a> {
    /// A constant that is no time is a slip of the pen and said; a row's text that is none has no answer.
    fn new(value: &'a ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(nanos, _)) => {
                Ok(Self::One(nanos.map(EventTime::from_nanos)))
            }
            ColumnarValue::Scalar(scalar) => match scalar.try_as_str().flatten() {
                None => Ok(Self::One(None)),
                Some(text) => match read(text) {
                    Some(time) => Ok(Self::One(Some(time))),
                    None => exec_err!("{text:?} is no time; write it like 2026-03-02T12:00:00Z"),
                },
            },
            ColumnarValue::Array(array) => match (array.as_string_opt(), array.as_primitive_opt()) {
                (Some(texts), _) => Ok(Self::Texts(texts)),
                (_, Some(moments)) => Ok(Self::Moments(moments)),
                _ => exec_err!("a column of {} is no time", array.data_type()),
            },
        }
    }

    fn get(&self, row: usize) -> Option<EventTime> {
        match self {
            Self::One(time) => *time,
            Self::Texts(texts) => texts.is_valid(row).then(|| texts.value(row)).and_then(read),
            Self::Moments(moments) => moments.is_valid(row).then(|| EventTime::from_nanos(moments.value(row))),
        }
    }
}

/// ISO 8601, in UTC where it names no zone; a date alone is its midnight.
fn read(text: &str) -> Option<EventTime> {
    string_to_timestamp_nanos(text).ok().map(EventTime::from_nanos)
}
