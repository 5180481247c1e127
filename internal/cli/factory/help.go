package factory

import "github.com/spf13/cobra"

// NewCmdHelp returns the help topic "accounts".
func NewCmdHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "accounts",
		Short: "Where credentials come from",
		Long: `Commands that call the API take the first of these that there is:

  --emulator                 an emulator inside the process
  --account, SPAPI_ACCOUNT   the stored account of that name (spapi auth list)
  --profile, SPAPI_PROFILE   that profile of the profile file
  environment                SPAPI_CLIENT_ID, SPAPI_CLIENT_SECRET, SPAPI_REFRESH_TOKEN, and SPAPI_REGION or
                             SPAPI_MARKETPLACE; LWA_CLIENT_IDENTIFIER, LWA_CLIENT_SECRET and AMAZON_REFRESH_TOKEN do too
  stored accounts            the default one (spapi auth use), or the only one; SPAPI_ACCOUNTS names another file
  profile file               the profile "default" of spapi/config.json in the user's configuration folder;
                             SPAPI_CONFIG names another file

--region, --marketplace and --sandbox change where that account calls; --endpoint and --token-url call another server,
such as the one that "spapi emulator" starts. SPAPI_REGION, SPAPI_MARKETPLACE, SPAPI_SANDBOX, SPAPI_ENDPOINT and
SPAPI_TOKEN_URL do so too, whatever the credentials come from: a flag goes before a variable, a variable before a profile,
and a profile that is named before what "spapi auth login" stored with the account. SPAPI_SELLER_ID is the seller's id likewise.
Region, marketplace and seller id belong to the credentials that they stand beside, and are left out where others are used.

A profile that --profile names and that has credentials is a chosen identity: they, and its region, marketplace and seller id, go before
those in the environment. What differs is told on stderr, as it is where SPAPI_PROFILE leads to a refresh token of one place with a
client id of another.

SPAPI_FLEET, or "fleet" in a profile, is the address of a Redis or Valkey server over which all processes share limits, and with
SPAPI_FLEET_KEY tokens too; the emulator inside the process has its own. SPAPI_FLEET_PROCESSES is how many there are, for as
long as the server can't be reached.

Where a variable and a stored account differ, that is told on stderr; so is, before something is changed, which host that
is at if it isn't Amazon's.`,
	}
}
