package fleet

import "log/slog"

// Option changes what [NewLimiter] and [NewTokens] make.
type Option func(*options)

type options struct {
	log       *slog.Logger // nil: slog.Default() at the time of use
	processes int
}

// defaultProcesses is for fleets that nobody has counted: a smaller one loses as much throughput while the server is away.
const defaultProcesses = 8

func newOptions(list []Option) options {
	o := options{processes: defaultProcesses}
	for _, option := range list {
		option(&o)
	}
	return o
}

func (o *options) logger() *slog.Logger {
	if o.log != nil {
		return o.log
	}
	return slog.Default()
}

// WithLogger sets the logger that is told when the server can't be reached, when it can again, and what else people should know; by default
// [slog.Default], whatever that is at the time.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.log = logger } }

// WithProcesses tells [NewLimiter] how many processes there are, for the case that the server can't be reached before it has counted them; 8 by default.
// What is below 1 counts as 1.
func WithProcesses(n int) Option { return func(o *options) { o.processes = max(n, 1) } }
