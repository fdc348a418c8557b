package mobile

import "runtime"

// dropsListener: iOS takes the sockets away from an app that it suspends, listening ones too.
// Accept on such a one fails with ECONNABORTED for ever, which the runtime takes for a
// connection that was given up, so that it would try again without end.
const dropsListener = runtime.GOOS == "ios"
