//! What POP3 promises about maildrops.

use clap::Args;

use super::value::Time;
use crate::protocol::pop3::{Expire, UniqueIds};
use crate::server::Settings;

#[derive(Args)]
#[command(next_help_heading = "POP3")]
pub(super) struct Pop3 {
    /// Days after which a login deletes messages, or `never`; announced as EXPIRE. With `0`, QUIT deletes the messages
    /// that were retrieved.
    #[arg(long, value_name = "DAYS", env = "MAILJIG_POP3_EXPIRE", default_value = "never", value_parser = Expire::parse)]
    pop3_expire: Expire,
    /// The same for one user, as in `bob@example.org=never`; may be repeated.
    #[arg(long, value_name = "LOGIN=DAYS", env = "MAILJIG_POP3_EXPIRE_FOR", value_delimiter = ',', value_parser = of_user)]
    pop3_expire_for: Vec<(String, Expire)>,
    /// Time between two logins of a user, as in `60s`; announced as LOGIN-DELAY [default: none].
    #[arg(long, value_name = "TIME", env = "MAILJIG_POP3_LOGIN_DELAY")]
    pop3_login_delay: Option<Time>,
    /// Form of the ids that UIDL reports: `validity.uid`, `hex`, `hash`, `long`, or a template with `{validity}`, `{uid}`,
    /// `{validity:x}`, `{uid:x}` and `{hash}`.
    #[arg(long, value_name = "FORM", env = "MAILJIG_POP3_UNIQUE_IDS", default_value = "validity.uid",
        value_parser = UniqueIds::parse)]
    pop3_unique_ids: UniqueIds,
}

fn of_user(text: &str) -> Result<(String, Expire), String> {
    let (login, expire) = text.rsplit_once('=').ok_or("write a login and days, as in `bob@example.org=30`")?;
    Ok((login.to_owned(), Expire::parse(expire)?))
}

impl Pop3 {
    pub(super) fn apply(&self, settings: &mut Settings) {
        let policy = &mut settings.pop3;
        policy.expire = self.pop3_expire;
        self.pop3_expire_for.iter().for_each(|(login, expire)| policy.set_expire_for(login, *expire));
        policy.login_delay = self.pop3_login_delay.map_or(policy.login_delay, |Time(time)| time);
        policy.unique_ids.clone_from(&self.pop3_unique_ids);
    }
}
