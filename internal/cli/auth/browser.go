package auth

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// openBrowser shows an address in the browser that BROWSER names, else in the system's. It doesn't wait for the browser's end.
func openBrowser(ctx context.Context, address string) error {
	var name string
	var args []string
	switch browser := os.Getenv("BROWSER"); {
	case browser != "":
		fields := strings.Fields(browser)
		name, args = fields[0], fields[1:]
	case runtime.GOOS == "darwin":
		name = "open"
	case runtime.GOOS == "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler"}
	default:
		name = "xdg-open"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return errors.New("no browser was found: open the address yourself")
	}
	cmd := exec.CommandContext(ctx, path, append(args, address)...)
	if err := cmd.Start(); err != nil {
		return errors.New("the browser did not start: open the address yourself")
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
