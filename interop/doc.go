// Package interop checks spapi against software that was written by others, in other languages: npm aws4, the
// signer of the article whose steps the quickstart walks, and the npm clients of SP-API, unmodified. It holds tests only.
//
// A client has a folder with its packages and its flow.mjs; what all flows do and check is in walk.mjs.
//
// The tests need Node.js and the packages that package-lock.json pins; interop/run.sh installs those and runs all of
// it. Without them the tests are skipped, unless SPAPI_INTEROP is 1.
package interop
