// Package spapi calls Amazon's Selling Partner API (SP-API): it exchanges tokens, keeps to Amazon's rate limits, retries what
// may be retried and explains what went wrong.
//
// An [App] is the application that Amazon registered; a [Client] is one seller's authorization in one region. Both are cheap,
// never change and may be used from many goroutines:
//
//	app := spapi.NewApp(spapi.Credentials{ClientID: id, ClientSecret: spapi.NewSecret(secret)}, spapi.WithUserAgent("Repricer/1.2"))
//	client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(token), Region: marketplace.NorthAmerica})
//
// or, from the environment or a profile, client, err := spapi.Load(ctx).
//
// The operations stand in one package per API version below api/, such as api/orders20260101, with types for
// all that goes in and comes out. [Client.Do] and [Client.Transport] send requests that no package knows. Methods whose names end
// in Pages and All go through pages; [Client.Pages] does so for requests made of data, by the rules of the operation that they go to.
// [Operations], [LookupOperation] and [FindOperation] tell what is known of operations. Typed or raw, every request takes the same way:
//
//	identify → retry → limit → authorize → sign → observe → the network
//
// # Limits
//
// Amazon grants each operation a token bucket per application, seller and region. Calls wait for
// their turn before they are sent; the wait ends with the context. [WithFailFast] bounds it. [WithLimiter] takes another
// [Limiter], such as one whose buckets many processes share; package fleet/fleettest tests those of your own. Where the application
// has a limit over all its sellers too, a call takes from both buckets or from none, and sellers take turns there, however many calls of each
// wait. [WithPriority] lets calls go before others, which are let through all the same: waiting raises their priority.
//
// The rate that Amazon tells with a reply replaces the published one, unless it is absurd, and a 429 empties the bucket here too. Requests take
// different times to arrive: what that may cost is learned from the latencies, so that calls are not throttled for it. Where a bucket holds one
// call, the next is sent a token's time after the reply at the latest, which costs some throughput: 7 % at one call per second and latencies of 20 to 120 ms.
//
// # Tokens
//
// Access tokens of Login with Amazon are fetched when first needed, shared by all clients of the same authorization and
// renewed in the background before they expire: no call waits while the old token works, [WithMaxTokenRequests] bounds how many are asked for
// at once, and what fails is a warning in the log until the old token ends. Operations without a seller
// ("grantless") and operations that hand out personal data
// ("restricted") get the tokens that they need by themselves. [WithTokenStore] takes another [TokenStore] than
// this process's memory, such as one that many processes share.
//
// Secrets never reach a log line, an error text or a printed value. Tokens are only ever sent to
// Amazon's hosts and to those that [WithEndpoint] or [WithTokenURL] named.
//
// # Traces and metrics
//
// An [Observer] is told when a call, a wait, an attempt or a token request begins and when it has ended, with the context between; see [WithObserver].
//
// # Errors
//
// [APIError] is what SP-API answered, [AuthError] what Login with Amazon answered, [ConfigError] what is wrong with the
// settings, with a stable Code, [DecodeError] a success that cannot be read, [LimitError] a wait that would have been too long,
// [TimeoutError] an attempt that stood still, [OutcomeUnknownError] whichever of these ended a call that may have changed something all the same.
// Each has a method Explain that says what to do. To be matched with [errors.As]: they are wrapped in one another.
package spapi
