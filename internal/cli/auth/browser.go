package auth

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// openBrowser shows an address in the browser that BROWSER names, else in the system's. The browser is on its own from then on: it goes on when the
// command has ended or was interrupted, and it gets none of the secrets in the environment.
func openBrowser(address string) error {
	var name string
	var args []string
	switch browser := strings.Fields(os.Getenv("BROWSER")); {
	case len(browser) > 0:
		name, args = browser[0], browser[1:]
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
	cmd := exec.Command(path, append(args, address)...) //nolint:noctx // no context may end it
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return secretVariable().MatchString(name)
	})
	cmd.SysProcAttr = detached
	if err := cmd.Start(); err != nil {
		return errors.New("the browser did not start: open the address yourself")
	}
	return cmd.Process.Release()
}

// secretVariable finds the settings of this command, Amazon's tutorials and AWS, and whatever else is named as a secret.
var secretVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(SPAPI|SP|LWA|AMAZON|AWS)_|SECRET|TOKEN|PASSW|PASSPHRASE|PASS$|CREDENTIAL|KEY$`)
})
