// Command spapi is the Selling Partner API from a shell.
package main

import (
	"os"

	"github.com/openspapi/spapi/internal/cli"
)

func main() {
	os.Exit(cli.Main())
}
