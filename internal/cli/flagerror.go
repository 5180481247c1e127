package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
)

// wants says of the types of flags that package pflag reads what a value is; what it says itself is about Go. The project's own types tell it in their errors.
var wants = map[string]string{
	"int": "a whole number, such as 20", "int64": "a whole number, such as 20", "uint": "a whole number from 0, such as 20",
	"float64": "a number, such as 0.5", "bool": "true or false", "duration": "a number with a unit, such as 500ms, 30s, 5m or 1h30m",
	"stringSlice": "values with commas between them; one that holds a comma or a quote stands in double quotes, with quotes in it doubled",
}

// flagError says in plain words what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if want, known := wants[invalid.GetFlag().Value.Type()]; known {
			return exit.Usagef("invalid argument %q for %q flag: want %s", invalid.GetValue(), spelling(invalid.GetFlag()), want)
		}
		return &exit.UsageError{Err: err}
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(missing.GetFlag())
		return exit.Usagef("flag needs an argument: --%s %s", missing.GetFlag().Name, name)
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if ok && negative(unknown.GetSpecifiedShortnames()) {
		return exit.Usagef(`-%s is no flag, and a negative number is not taken here: put "--" before an argument that begins with "-"`,
			unknown.GetSpecifiedShortnames())
	}
	if !ok || len(unknown.GetSpecifiedName()) < 2 {
		return &exit.UsageError{Err: err}
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	near := operation.Near(unknown.GetSpecifiedName(), flags)
	for i := range near[min(1, len(near)):] {
		near[i+1] = "--" + near[i+1]
	}
	if len(near) == 0 {
		return &exit.UsageError{Err: err}
	}
	return exit.Usagef("%w: did you mean --%s?", err, output.OneOf(near))
}

// spelling is a flag as the help has it.
func spelling(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand + ", --" + f.Name
	}
	return "--" + f.Name
}

// negative tells whether what was read as shorthands of flags is a number behind a minus.
func negative(shorthands string) bool {
	digits := strings.TrimLeft(shorthands, ".,")
	return digits != "" && digits[0] >= '0' && digits[0] <= '9' && len(shorthands)-len(digits) <= 1
}
