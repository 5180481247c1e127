// Package interop checks spapi against software that was written by others, in other languages: npm aws4, the
// signer of the article whose steps the quickstart walks, and the npm clients of SP-API, unmodified. It holds tests only.
//
// A client has a folder with its packages and its flow.mjs, and a line in clients (interop_test.go) and run.sh; what all flows do and check is in
// walk.mjs. What was found of a client that its users should know is in docs/clients.md, and where it can be seen, a step of its flow.
//
// Other languages have a program each in runtimes, with the library that their clients of SP-API stand on.
//
// Some of them call through "spapi gateway" too, by the same flows (walk.mjs: walkGateway) and the programs in gateway; the files of examples/gateway are held
// and run here.
//
// The tests need Node.js and the packages that package-lock.json pins; interop/run.sh installs those and runs all of
// it. Without them the tests are skipped, unless SPAPI_INTEROP is 1.
package interop
