package emulator

import (
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/contacts"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/fault"
)

type Fault = fault.Fault
type FaultKind = fault.Kind

const (
	FaultThrottle     = fault.Throttle
	FaultInternal     = fault.Internal
	FaultUnavailable  = fault.Unavailable
	FaultHTML         = fault.HTML
	FaultLatency      = fault.Latency
	FaultReset        = fault.Reset
	FaultResetInBody  = fault.ResetInBody
	FaultTruncate     = fault.Truncate
	FaultTruncateGzip = fault.TruncateGzip
	FaultSlowBody     = fault.SlowBody
	FaultExpiredToken = fault.ExpiredToken
	FaultExpiredURL   = fault.ExpiredURL
	FaultDuplicate    = fault.Duplicate
	FaultLate         = fault.Late
	FaultClockSkew    = fault.ClockSkew
)

func ParseFault(text string) (Fault, error) { return fault.ParseFault(text) }

type ApplicationStatus = auth.ApplicationStatus

const (
	ApplicationDraft     = auth.ApplicationDraft
	ApplicationPublished = auth.ApplicationPublished
	ApplicationListed    = auth.ApplicationListed
)

type LoggedRequest = desk.LoggedRequest
type Delivery = desk.Delivery
type BuyerMessage = contacts.Message
