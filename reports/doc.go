// Package reports gets reports from Amazon: it asks for one, waits until it is done, fetches its document and reads the rows, in constant memory.
//
// [Run] does all of that. [Create], [Wait] and [Open] are its steps, [RunAll] runs many requests at once under one limit, and [Request.Split] cuts a
// window that is too long for one report. What Amazon makes by itself, such as settlement reports, is found with [List]. [LookupType] tells what is
// known of a report type.
//
// A report that doesn't come is an error that tells why: [*CancelledError] (mostly: there is no data), [*FatalError] with the reason, and
// [*TooFrequentError] with the time to wait.
package reports
