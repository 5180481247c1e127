package gateway

import (
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
)

func newCmdCheck(f *factory.Factory) *cobra.Command {
	return &cobra.Command{Use: "check", Args: exit.NoArgs}
}
