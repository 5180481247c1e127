package emulator

import (
	"bytes"
	"encoding/json"

	"github.com/openspapi/spapi/emulator/internal/desk"
)

// State is everything that makes an emulator answer as it does, except faults and options such as models, limits
// and signatures, which are the importing emulator's own. It holds tokens and secrets that are good for the emulator only. As JSON it can be
// kept and read again; what stands in it is the emulator's own business, and stays readable for later versions.
type State struct{ desk desk.State }

// MarshalJSON writes the state. The same state gives the same bytes.
func (s State) MarshalJSON() ([]byte, error) { return json.Marshal(&s.desk) }

// UnmarshalJSON reads what MarshalJSON writes, and refuses members that it doesn't know.
func (s *State) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(&s.desk)
}

// Export returns the emulator's state. An emulator that imports it answers the same requests with the same bytes.
func (e *Emulator) Export() (*State, error) {
	s, err := e.desk.Export()
	if err != nil {
		return nil, err
	}
	return &State{*s}, nil
}

// Import brings the emulator to an exported state, whatever it was in before. Faults stay, and so do options that are no part of a state.
// A clock that is fixed or has a speed of its own goes on from the exported time; a real one is moved by the exported offset. After
// an error the emulator is as it was before, but for faults, which count their requests anew.
func (e *Emulator) Import(s *State) error { return e.desk.Restore(&s.desk) }

// Reset brings the emulator back to how New made it: the first seller only, with the credentials and the world of the seed, the clock
// where it started, no tokens, full limits, an empty log. Faults stay. Worlds are built again when they are asked for.
func (e *Emulator) Reset() { e.desk.Reset() }

// Reseed is Reset with another seed.
func (e *Emulator) Reseed(seed int64) { e.desk.Reseed(seed) }

// Seed returns the seed that the emulator has now.
func (e *Emulator) Seed() int64 { return e.desk.Seed.Value() }
