// Package feeds sends feeds to Amazon and reads what came of them: it uploads the content, waits until the feed has been carried out, and parses the
// processing report, whether it is JSON, XML or text, into one [Result].
//
// [SubmitListings] builds JSON_LISTINGS_FEED from messages ([UpdateListing], [PartiallyUpdateListing], [PatchListing], [DeleteListing]), checks each before
// anything is sent, and makes as many feeds as are needed. [Submit] sends any other feed: XML, flat files, PDF. [Create], [Wait] and [Read] are its
// steps.
//
// Options and errors are those of package job, with two errors more: [*ValidationError] and [*UploadError].
package feeds
