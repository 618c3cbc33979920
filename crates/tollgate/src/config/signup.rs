//! `[signup]`: whether visitors may open trial accounts, and how they prove who they are.

use axum::http::Uri;
use domain::PlanName;
use domain::trial::TRIAL_PLAN;

use super::base_url::BaseUrl;
use super::error::ConfigError;
use super::section::Section;

/// Where an issuer's configuration is, below its name (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// The longest audience: client ids have some tens of characters.
const AUDIENCE_LEN_MAX: usize = 255;

/// `[signup]`, where it is enabled.
#[derive(Clone, Debug)]
pub struct SignupConfig {
    /// The plan that a sign-up opens.
    pub plan: PlanName,
    /// How visitors prove who they are.
    pub verifier: VerifierConfig,
}

/// How visitors prove who they are.
#[derive(Clone, Debug)]
pub enum VerifierConfig {
    /// By codes that the operator makes.
    Invite,
    /// By ID tokens of an issuer.
    Oidc(Box<IssuerConfig>),
}

/// `[signup.oidc]`: an issuer, and whom its tokens must be for.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The audience, exactly as its tokens name it: usually a client id.
    pub audience: String,
    /// Where its keys are, if its own configuration is not to be asked.
    pub jwks_url: Option<Uri>,
    /// Whether the e-mail address of the visitor must be verified.
    pub email_verified: bool,
    /// Where its configuration is.
    pub discovery_url: Uri,
}

impl IssuerConfig {
    /// The address of an issuer's document: `https`, or `http` on this machine. A key that travelled in the clear
    /// proves nothing.
    pub fn parse_url(text: &str) -> Result<Uri, String> {
        let url = BaseUrl::parse(text)?;
        if url.is_exposed() {
            return Err("must begin with https://".to_owned());
        }
        // Not the trimmed one: a path with a slash at its end is another path.
        text.parse().map_err(|_| "is not a URL".to_owned())
    }
}

/// `None` unless it is enabled.
pub(super) fn read_signup(section: &mut Section) -> Result<Option<SignupConfig>, ConfigError> {
    let enabled = section.flag("enabled")?.unwrap_or(false);
    let plan = section.parsed("plan", parse_plan)?;
    let plan = plan.map_or_else(|| parse_plan(TRIAL_PLAN), Ok).map_err(|why| section.wrong("plan", why))?;
    let by_issuer = section.parsed("verifier", parse_verifier)?.unwrap_or(false);
    let names_issuer = section.has("oidc");
    let issuer = section.read("oidc", read_issuer)?;
    let verifier = match (by_issuer, issuer) {
        (true, Some(issuer)) => VerifierConfig::Oidc(Box::new(issuer)),
        (true, None) => {
            return Err(section.missing("oidc", "verifier = \"oidc\" needs [signup.oidc] with an issuer"));
        }
        // Whoever names an issuer does not mean to take invites.
        (false, _) if names_issuer => {
            return Err(
                section.wrong("oidc", "is for verifier = \"oidc\": set that, or leave this section out")
            );
        }
        (false, _) => VerifierConfig::Invite,
    };
    Ok(enabled.then_some(SignupConfig { plan, verifier }))
}

fn read_issuer(section: &mut Section) -> Result<Option<IssuerConfig>, ConfigError> {
    let issuer = section.string("issuer")?;
    let audience = section.parsed("audience", parse_audience)?;
    let jwks_url = section.parsed("jwks_url", IssuerConfig::parse_url)?;
    let email_verified = section.flag("email_verified")?.unwrap_or(false);
    let Some(issuer) = issuer else {
        return match audience {
            None => Ok(None),
            Some(_) => Err(section.missing("issuer", "the issuer whose tokens are taken")),
        };
    };
    let Some(audience) = audience else {
        return Err(section.missing("audience", "whom the issuer's tokens are for, usually a client id"));
    };
    IssuerConfig::parse_url(&issuer).map_err(|why| section.wrong("issuer", why))?;
    let discovery_url = format!("{}{DISCOVERY_PATH}", issuer.trim_end_matches('/'));
    let discovery_url = discovery_url.parse().map_err(|_| section.wrong("issuer", "is not a URL"))?;
    Ok(Some(IssuerConfig { issuer, audience, jwks_url, email_verified, discovery_url }))
}

fn parse_plan(text: &str) -> Result<PlanName, String> {
    text.parse().map_err(|error: domain::plan::InvalidPlanName| error.to_string())
}

fn parse_verifier(text: &str) -> Result<bool, String> {
    match text {
        "invite" => Ok(false),
        "oidc" => Ok(true),
        _ => Err("must be invite or oidc".to_owned()),
    }
}

fn parse_audience(text: &str) -> Result<String, String> {
    if (1..=AUDIENCE_LEN_MAX).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(format!("has 1 to {AUDIENCE_LEN_MAX} bytes"))
    }
}
