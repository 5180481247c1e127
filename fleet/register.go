package fleet

import (
	"errors"
	"io"

	"github.com/openspapi/spapi"
)

// Register makes the addresses of these schemes known to [spapi.Load] and [spapi.OpenFleet]: open makes the [Server] of one, and sends nothing yet. Its
// errors show no part of the address that may be a secret. Where a Server has a method Close, that is called when the fleet is closed. Adapters call
// Register when they are imported; it panics where a scheme has an adapter already.
func Register[S Server](open func(address string) (S, error), schemes ...string) {
	for _, scheme := range schemes {
		spapi.RegisterFleet(scheme, func(c spapi.FleetConfig) (*spapi.Fleet, error) {
			server, err := open(c.Address.Reveal())
			if err != nil {
				return nil, err
			}
			var options []Option
			if c.Processes > 0 {
				options = append(options, WithProcesses(c.Processes))
			}
			if c.Logger != nil {
				options = append(options, WithLogger(c.Logger))
			}
			f := &spapi.Fleet{}
			if len(c.Keys) > 0 {
				if f.Tokens, err = NewTokens(server, c.Keys, options...); err != nil {
					return nil, errors.Join(err, closeServer(server))
				}
			}
			limiter := NewLimiter(server, options...)
			f.Limiter = limiter
			f.Close = func() error { return errors.Join(limiter.Close(), closeServer(server)) }
			return f, nil
		})
	}
}

func closeServer(s Server) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
