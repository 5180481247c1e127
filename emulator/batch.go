package emulator

import (
	"net/http"
)

// batchHeaders are those of one answer in a batch.
func (c *call) batchHeaders(i int) object {
	return object{"Date": c.now.UTC().Format(http.TimeFormat), "x-amzn-RequestId": c.desk.seed.Of("batch", c.op.ID, c.now.UnixNano(), i).UUID()}
}
