package idtable

import "testing"

// TestNames reads every name of the last batches back.
func TestNames(t *testing.T) {
	for _, names := range []uint64{clientNames, serverNames, notificationNames} {
		for _, newest := range []uint64{1, 2, 3, names - 1, names, names + 1, 5*names + 2, 1 << 32, 1<<32 + 7, maxNumber} {
			for back := range min(names, newest) {
				number := newest - back
				short := name(number, names)
				if short == 0 || uint64(short) > names {
					t.Errorf("%d of %d has the name %d", number, names, short)
				}
				if got, ok := resolve(short, newest, names); !ok || got != number {
					t.Errorf("%d is taken for %d, %v (newest %d of %d)", number, got, ok, newest, names)
				}
			}
			for _, short := range []uint64{0, names + 1, 255} {
				if number, ok := resolve(uint8(short), newest, names); ok {
					t.Errorf("%d names %d (newest %d of %d)", short, number, newest, names)
				}
			}
		}
		// Before there are as many batches, most names are of none.
		for short := range uint8(names + 1) {
			number, ok := resolve(short, 1, names)
			if ok && (number > 1 || name(number, names) != short) {
				t.Errorf("%d names %d of 1", short, number)
			}
		}
	}
}

// TestWindows checks that what both ends allow each other fits the names there are.
func TestWindows(t *testing.T) {
	// The oldest acknowledgement that may arrive, the newest that the client makes, and
	// what the server makes beyond that, have different names.
	if maxAckStep+maxUnacknowledged >= serverNames {
		t.Errorf("%d + %d batches, %d names", maxAckStep, maxUnacknowledged, serverNames)
	}
	if maxAhead >= clientNames {
		t.Errorf("%d batches ahead, %d names", maxAhead, clientNames)
	}
	if maxDeadAge > 64 {
		t.Errorf("a mask of 64 cannot tell what is %d behind", maxDeadAge)
	}
	if maxRecords <= notificationNames || maxRecords <= maxDeadAge+maxUnacknowledged {
		t.Errorf("%d batches are known by number", maxRecords)
	}
}
