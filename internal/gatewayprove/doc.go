// Package gatewayprove shows what several gateways come to that share a seller's limits: real processes, a real redis-server, and an emulator that counts
// what it is asked. It has tests alone; make prove-gateway takes more than a minute for it, and runs what other packages have to prove about the gateway.
package gatewayprove
