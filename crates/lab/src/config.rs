//! `caponier.toml` of the invented tenants: who owns which bytes, and that pairs may be merged (design 5).

use crate::cast::Cast;
use std::fmt::Write;

/// The configuration's text.
pub fn text(cast: &Cast, shared: &[String]) -> String {
    let mut out = String::from("# Written by `caponier simulate`: invented tenants.\n");
    for (index, tenant) in cast.tenants.iter().enumerate() {
        let role = if index == 0 { "primary" } else { "secondary" };
        let mut domains = tenant.domains.clone();
        domains.push(tenant.initial.clone());
        let domains = domains.iter().map(|d| format!("\"{d}\"")).collect::<Vec<_>>().join(", ");
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n[[tenant]]\nid = \"{}\"\nname = \"{}\"\nrole = \"{role}\"\ndomains = [{domains}]\n\
             workspaces = [\"{}\"]\nsubscriptions = [\"{}\"]\n",
            tenant.id, tenant.name, tenant.workspace, tenant.subscription
        );
    }
    for tenant in &cast.tenants[1..] {
        let home = &cast.tenants[0].name;
        let _ = write!(out, "\n[[pair]]\nhome = \"{home}\"\nresource = \"{}\"\nmerge = \"merge\"\n", tenant.name);
    }
    if !shared.is_empty() {
        let shared = shared.iter().map(|v| format!("\"{v}\"")).collect::<Vec<_>>().join(", ");
        let _ = write!(out, "\n[guards]\nshared_values = [{shared}]\n");
    }
    out
}
