//! Sign-ins of the diagnostic envelope, 2.2 kB each, in `{"records":[…]}` batches. Same seed, same bytes.

use std::fmt::Write;

/// Records in one batch, as Entra writes about 44 kB at a time at busy hours.
pub const BATCH: usize = 20;

/// A generator of people and their sign-ins in two tenants.
#[derive(Clone, Debug)]
pub struct Load {
    state: u64,
    people: u64,
    clock: u64,
}

impl Load {
    /// A load of `people` persons; one in five works as a guest of the other tenant.
    pub const fn new(seed: u64, people: u64) -> Self {
        Self { state: seed | 1, people, clock: 0 }
    }

    /// The accounts of every person: object ids at home and, for those who work as guests, in the other tenant.
    pub fn accounts(&self) -> impl Iterator<Item = Person> {
        (0..self.people).map(|person| {
            let side = (person % 2) as usize;
            Person {
                home: (TENANTS[side], object(person, 1)),
                guest: person.is_multiple_of(5).then(|| (TENANTS[side ^ 1], object(person, 2))),
                name: name(person),
            }
        })
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn guid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        guid(a, b)
    }

    /// `count` batches of [`BATCH`] records each.
    pub fn batches(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.batch()).collect()
    }

    fn batch(&mut self) -> Vec<u8> {
        let mut out = String::with_capacity(BATCH * 2400);
        out.push_str("{\"records\":[");
        for i in 0..BATCH {
            if i > 0 {
                out.push(',');
            }
            self.sign_in(&mut out);
        }
        out.push_str("]}");
        out.into_bytes()
    }

    fn sign_in(&mut self, out: &mut String) {
        self.clock += 1 + self.next() % 3;
        let person = self.next() % self.people;
        let (home, other) = (TENANTS[(person % 2) as usize], TENANTS[((person % 2) ^ 1) as usize]);
        let guest = person.is_multiple_of(5) && self.next() & 1 == 0;
        let log = if guest { other } else { home };
        let user = object(person, if guest { 2 } else { 1 });
        let error = if self.next().is_multiple_of(12) { 50126 } else { 0 };
        let (id, correlation, session, device) = (self.guid(), self.guid(), self.guid(), self.guid());
        let app = APPS[(self.next() % APPS.len() as u64) as usize];
        let (a, b) = (self.next() % 250, self.next() % 250);
        let (minute, second, tick) = (self.clock / 60 % 60, self.clock % 60, self.next() % 10_000_000);
        let hour = self.clock / 3600 % 24;
        let access = if guest { "b2bCollaboration" } else { "none" };
        let kind = if guest { "Guest" } else { "Member" };
        let risk = if guest && self.next().is_multiple_of(16) { "medium" } else { "none" };
        let name = name(person);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            concat!(
                r#"{{"time":"2026-03-09T{h:02}:{m:02}:{s:02}.9180000Z","resourceId":"/tenants/{log}/providers/Microsoft.aadiam","#,
                r#""operationName":"Sign-in activity","operationVersion":"1.0","category":"SignInLogs","tenantId":"{log}","#,
                r#""resultType":"{error}","resultSignature":"None","durationMs":0,"callerIpAddress":"203.0.{a}.{b}","#,
                r#""correlationId":"{correlation}","identity":"Person {person}","Level":4,"location":"NL","properties":{{"#,
                r#""id":"{id}","createdDateTime":"2026-03-09T{h:02}:{m:02}:{s:02}.{tick:07}+00:00","userDisplayName":"Person {person}","#,
                r#""userPrincipalName":"{name}","userId":"{user}","appId":"{app}","appDisplayName":"Azure Portal","#,
                r#""ipAddress":"203.0.{a}.{b}","status":{{"errorCode":{error},"failureReason":"Other.","#,
                r#""additionalDetails":"MFA requirement satisfied by claim in the token"}},"clientAppUsed":"Browser","#,
                r#""userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64)","#,
                r#""deviceDetail":{{"deviceId":"{device}","displayName":"WS-{person:05}","operatingSystem":"Windows 11","#,
                r#""browser":"Edge 145.0.0","isManaged":true}},"#,
                r#""location":{{"city":"Utrecht","state":"Utrecht","countryOrRegion":"NL","geoCoordinates":{{"latitude":52.09,"longitude":5.12}}}},"#,
                r#""correlationId":"{correlation}","appliedConditionalAccessPolicies":["#,
                r#"{{"id":"{session}","displayName":"Require MFA for all users","enforcedGrantControls":["Mfa"],"result":"success"}}],"#,
                r#""originalRequestId":"{id}","isInteractive":true,"tokenIssuerType":"AzureAD","#,
                r#""processingTimeInMilliseconds":141,"riskDetail":"none","riskLevelAggregated":"none","riskLevelDuringSignIn":"{risk}","#,
                r#""riskState":"none","riskEventTypes_v2":[],"resourceDisplayName":"Windows Azure Service Management API","#,
                r#""resourceId":"797f4846-ba00-4fd7-ba43-dac1f8f63013","resourceTenantId":"{log}","homeTenantId":"{home}","#,
                r#""authenticationRequirement":"multiFactorAuthentication","servicePrincipalId":"","userType":"{kind}","#,
                r#""flaggedForReview":false,"isTenantRestricted":false,"autonomousSystemNumber":64500,"#,
                r#""crossTenantAccessType":"{access}","uniqueTokenIdentifier":"{session}","sessionId":"{session}"}}}}"#,
            ),
            h = hour,
            m = minute,
            s = second,
            log = log,
            error = error,
            a = a,
            b = b,
            correlation = correlation,
            person = person,
            id = id,
            tick = tick,
            name = name,
            user = user,
            app = app,
            device = device,
            session = session,
            home = home,
            kind = kind,
            access = access,
            risk = risk,
        );
    }
}

/// A person of the load.
#[derive(Clone, Debug)]
pub struct Person {
    /// Tenant and object id of the home account.
    pub home: (&'static str, String),
    /// Tenant and object id of the guest account.
    pub guest: Option<(&'static str, String)>,
    /// Sign-in name.
    pub name: String,
}

fn object(person: u64, side: u64) -> String {
    guid(person.wrapping_mul(0x9e37_79b9_7f4a_7c15), side)
}

fn name(person: u64) -> String {
    format!("person{person:05}@{}", if person.is_multiple_of(2) { "north.example" } else { "south.example" })
}

const TENANTS: [&str; 2] = ["1f0c7a52-3b86-4d1e-9a47-c2e58d6b9f01", "6d84b3f9-51ca-4e70-8b2d-7f9e0a1c3d02"];
const APPS: [&str; 3] = [
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "4765445b-32c6-49b0-83e6-1d93765276ca",
    "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
];

fn guid(a: u64, b: u64) -> String {
    let value = u128::from(a) << 64 | u128::from(b);
    let hex = format!("{value:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_size_that_the_figures_name() {
        let batches = Load::new(7, 1000).batches(10);
        let bytes: usize = batches.iter().map(Vec::len).sum();
        assert!((2100..2400).contains(&(bytes / (10 * BATCH))), "{}", bytes / (10 * BATCH));
        assert_eq!(batches, Load::new(7, 1000).batches(10));
    }
}
