package spapi

import "net/http"

// BaseTransport returns what lies below the chain of [Client.Transport]: the transport that WithTransport gave, or the default one. It adds
// nothing to requests, neither tokens nor limits nor retries, and is meant for presigned URLs such as those of report documents, which must
// not see any credentials.
func (a *App) BaseTransport() http.RoundTripper { return a.config.transport }

// Principal tells who calls: the client id of the application, and what stands for the seller: his id where the authorization names it, else a fingerprint
// of its refresh token; "" for a client without a seller. Neither is a secret. What is kept for one seller, such as an entry of a journal, goes under both.
func (c *Client) Principal() (clientID, seller string) { return c.app.credentials.ClientID, c.seller }
