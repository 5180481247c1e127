package fault

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/operations"
)

// Strikes are what the rules do to one message on its way to a queue: unlike those of requests, all that strike it do.
type Strikes struct {
	Rules                []string // their ids
	Lost, Denied, Poison bool
	Duplicates           int // copies besides the message
	Shuffled             bool
	Late                 time.Duration
}

// Message finds the rules that strike a message of a type of notifications.
func (rules *Rules) Message(kind string) (s Strikes) {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	id := operations.Notification(kind)
	for _, r := range rules.list {
		if r.Kind.target() != messages || r.Operation != "" && r.Operation != "*" && !operations.Matches(r.Operation, id) || !r.turn(rules) {
			continue
		}
		s.Rules = append(s.Rules, r.ID)
		switch r.Kind {
		case MessageLost:
			s.Lost = true
		case MessageDenied:
			s.Denied = true
		case MessagePoison:
			s.Poison = true
		case MessageDuplicate:
			s.Duplicates++
		case MessageShuffled:
			s.Shuffled = true
		case MessageLate:
			s.Late += r.Within
		}
	}
	return s
}
