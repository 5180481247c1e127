// Package reports gets reports from Amazon: it asks for one, waits until it is done, fetches its document and reads the rows, in constant memory.
//
// [Run] does all of that. [Create], [Wait] and [Open] are its steps, [RunAll] runs many requests at once under one limit, and [Request.Split] cuts a
// window that is too long for one report. What Amazon makes by itself, such as settlement reports, is found with [List]. [LookupType] tells what is
// known of a report type.
//
// Options and errors are those of package job, with one error more. A report that doesn't come tells why: [job.ErrCancelled] (mostly: there is no data),
// [job.ErrFatal], and [*TooFrequentError] with the time to wait.
package reports
