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
such as the one that "spapi emulator" starts.`,
	}
}
