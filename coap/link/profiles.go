package link

import "time"

const (
	ms     = time.Millisecond
	sec    = time.Second
	minute = time.Minute
)

// Profiles returns the links that coapgw knows, fastest kinds first within
// satellite, terrestrial, radio and special ones. Each row was checked by the
// rules of Validate and of the tests.
//
// Rates, MTUs and contact times come from public figures of each system. The
// figures of Loss, most delays, the queues and MaxTurn are estimates: replace them
// by measurements where there are some (docs/decisions/0006-link-profiles.md).
func Profiles() []Profile {
	return []Profile{
		{
			Name: "leo-broadband", Description: "LEO broadband (Starlink class) with a handover every 15 s",
			AckTimeout: 2 * sec, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 8, MaxLatency: 1 * sec,
			EmptyAckDelay: 1 * sec, BlockSize: 1024, MTU: 1472,
			FlightInterval: 1 * sec, HandshakeTimeout: 2 * minute, KeepAlive: 25 * sec,
			RateUp: 15e6, RateDown: 100e6, OneWayDelay: 20 * ms, Jitter: 8 * ms,
			Loss:     GilbertElliott{15 * sec, 150 * ms, 0.002, 0.5},
			Overhead: 28, QueueUp: 1 << 20, QueueDown: 4 << 20,
		},
		{
			Name: "geo-vsat", Description: "GEO satellite broadband (VSAT)",
			AckTimeout: 3 * sec, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 8, MaxLatency: 3 * sec,
			EmptyAckDelay: 1200 * ms, BlockSize: 1024, MTU: 1472,
			FlightInterval: 2 * sec, HandshakeTimeout: 4 * minute, KeepAlive: 60 * sec,
			RateUp: 1e6, RateDown: 10e6, OneWayDelay: 300 * ms, Jitter: 30 * ms,
			Loss:     GilbertElliott{60 * sec, 500 * ms, 0.0005, 0.6},
			Overhead: 28, QueueUp: 150_000, QueueDown: 1_500_000,
		},
		{
			Name: "bgan", Description: "Inmarsat BGAN, background class",
			AckTimeout: 5 * sec, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 8, MaxLatency: 5 * sec,
			EmptyAckDelay: 2 * sec, BlockSize: 1024, MTU: 1392,
			FlightInterval: 3 * sec, HandshakeTimeout: 5 * minute, KeepAlive: 120 * sec,
			RateUp: 64_000, RateDown: 128_000, OneWayDelay: 550 * ms, Jitter: 200 * ms,
			Loss:     GilbertElliott{120 * sec, 2 * sec, 0.002, 0.8},
			Overhead: 28, QueueUp: 16_000, QueueDown: 32_000,
		},
		{
			Name: "certus100", Description: "Iridium Certus 100, midband",
			AckTimeout: 5 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 4, MaxLatency: 8 * sec,
			EmptyAckDelay: 2 * sec, BlockSize: 512, MTU: 1392,
			FlightInterval: 3 * sec, HandshakeTimeout: 10 * minute, KeepAlive: 240 * sec,
			RateUp: 22_000, RateDown: 88_000, OneWayDelay: 400 * ms, Jitter: 150 * ms,
			Loss:     GilbertElliott{120 * sec, 3 * sec, 0.005, 0.9},
			Overhead: 28, QueueUp: 8000, QueueDown: 16_000,
		},
		{
			Name: "iridium-2400", Description: "Iridium dial-up, 2400 bit/s",
			AckTimeout: 10 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 1, MaxLatency: 30 * sec,
			EmptyAckDelay: 4 * sec, BlockSize: 256, MTU: 548,
			FlightInterval: 8 * sec, HandshakeTimeout: 15 * minute,
			RateUp: 2400, RateDown: 2400, OneWayDelay: 900 * ms, Jitter: 300 * ms,
			Loss:     GilbertElliott{300 * sec, 10 * sec, 0.005, 1},
			Overhead: 36, QueueUp: 4800, QueueDown: 4800,
		},
		{
			Name: "gprs", Description: "2G GPRS",
			AckTimeout: 5 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 4, MaxLatency: 15 * sec,
			EmptyAckDelay: 2 * sec, BlockSize: 512, MTU: 1372,
			FlightInterval: 3 * sec, HandshakeTimeout: 10 * minute, KeepAlive: 60 * sec,
			RateUp: 20_000, RateDown: 40_000, OneWayDelay: 350 * ms, Jitter: 150 * ms,
			Loss:     GilbertElliott{60 * sec, 4 * sec, 0.002, 0.5},
			Overhead: 28, QueueUp: 10_000, QueueDown: 20_000,
		},
		{
			Name: "nbiot-ce2", Description: "NB-IoT, coverage enhancement level 2",
			AckTimeout: 20 * sec, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 1, MaxLatency: 60 * sec,
			EmptyAckDelay: 3 * sec, BlockSize: 1024, MTU: 1280,
			FlightInterval: 12 * sec, HandshakeTimeout: 15 * minute,
			RateUp: 1000, RateDown: 2000, OneWayDelay: 1500 * ms, Jitter: 1000 * ms,
			Loss:     GilbertElliott{120 * sec, 5 * sec, 0.01, 0.6},
			Overhead: 28, QueueUp: 4000, QueueDown: 4000,
			HalfDuplex: true, Turnaround: 50 * ms, Preamble: 200 * ms, MaxTurn: 15 * sec,
		},
		{
			Name: "sixlowpan", Description: "802.15.4 / 6LoWPAN, fragmenting",
			AckTimeout: 2 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 2, MaxLatency: 5 * sec,
			EmptyAckDelay: 1 * sec, BlockSize: 256, MTU: 1280,
			FlightInterval: 1 * sec, HandshakeTimeout: 5 * minute, KeepAlive: 120 * sec,
			RateUp: 100_000, RateDown: 100_000, OneWayDelay: 15 * ms, Jitter: 10 * ms,
			Loss:     GilbertElliott{10 * sec, 300 * ms, 0.02, 0.6},
			Overhead: 25, Frame: 102, QueueUp: 2000, QueueDown: 2000,
			HalfDuplex: true, Turnaround: 192 * time.Microsecond, MaxTurn: 200 * ms,
		},
		{
			Name: "meshtastic-lf", Description: "LoRa mesh, LongFast class",
			AckTimeout: 15 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 1, MaxLatency: 60 * sec,
			EmptyAckDelay: 7 * sec, BlockSize: 128, MTU: 233,
			FlightInterval: 12 * sec, HandshakeTimeout: 20 * minute,
			RateUp: 1070, RateDown: 1070, OneWayDelay: 300 * ms, Jitter: 200 * ms,
			Loss:     GilbertElliott{60 * sec, 5 * sec, 0.05, 0.8},
			Overhead: 16, QueueUp: 2000, QueueDown: 2000,
			HalfDuplex: true, Turnaround: 100 * ms, Preamble: 150 * ms, MaxTurn: 4 * sec,
		},
		{
			Name: "vhf-ax25-1200", Description: "VHF packet radio, AX.25 at 1200 bit/s",
			AckTimeout: 10 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 1, MaxLatency: 30 * sec,
			EmptyAckDelay: 5 * sec, BlockSize: 128, MTU: 228,
			FlightInterval: 12 * sec, HandshakeTimeout: 20 * minute,
			RateUp: 1200, RateDown: 1200, OneWayDelay: 20 * ms, Jitter: 50 * ms,
			Loss:     GilbertElliott{30 * sec, 2 * sec, 0.02, 0.8},
			Overhead: 48, QueueUp: 4000, QueueDown: 4000,
			HalfDuplex: true, Turnaround: 200 * ms, Preamble: 400 * ms, MaxTurn: 8 * sec,
		},
		{
			Name: "hf-s5066-2400", Description: "HF, STANAG 5066 over a waveform of 2400 bit/s",
			AckTimeout: 25 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 1, MaxLatency: 130 * sec,
			EmptyAckDelay: 9 * sec, BlockSize: 1024, MTU: 2048,
			FlightInterval: 25 * sec, HandshakeTimeout: 20 * minute,
			RateUp: 2400, RateDown: 2400, OneWayDelay: 700 * ms,
			Loss:     GilbertElliott{30 * sec, 3 * sec, 0.02, 0.8},
			Overhead: 30, QueueUp: 16_000, QueueDown: 16_000,
			HalfDuplex: true, Turnaround: 2 * sec, Preamble: 1200 * ms, MaxTurn: 30 * sec,
		},
		{
			Name: "hf-s5066-75", Description: "HF, STANAG 5066 over a waveform of 75 bit/s",
			AckTimeout: 180 * sec, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 1, MaxLatency: 300 * sec,
			EmptyAckDelay: 60 * sec, BlockSize: 512, MTU: 640,
			FlightInterval: 120 * sec, HandshakeTimeout: 45 * minute,
			RateUp: 75, RateDown: 75, OneWayDelay: 4800 * ms,
			Loss:     GilbertElliott{120 * sec, 10 * sec, 0.02, 0.8},
			Overhead: 30, QueueUp: 4000, QueueDown: 4000,
			HalfDuplex: true, Turnaround: 5 * sec, Preamble: 5 * sec, MaxTurn: 127500 * ms,
		},
		{
			Name: "hf-vara500", Description: "HF, modem of the VARA 500 Hz class",
			AckTimeout: 45 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 1, MaxLatency: 120 * sec,
			EmptyAckDelay: 20 * sec, BlockSize: 256, MTU: 512,
			FlightInterval: 40 * sec, HandshakeTimeout: 20 * minute,
			RateUp: 300, RateDown: 300, OneWayDelay: 2600 * ms,
			Loss:     GilbertElliott{45 * sec, 5 * sec, 0.02, 0.7},
			Overhead: 8, QueueUp: 4000, QueueDown: 4000,
			HalfDuplex: true, Turnaround: 500 * ms, Preamble: 1000 * ms, MaxTurn: 30 * sec,
		},
		{
			Name: "fosdem-100bps", Description: "the FOSDEM 2019 challenge: 100 bit/s, 4 s latency, 40 % jitter",
			AckTimeout: 60 * sec, AckRandomFactor: 1.5, MaxRetransmit: 4, NStart: 1, MaxLatency: 180 * sec,
			EmptyAckDelay: 1 * sec, BlockSize: 256, MTU: 548,
			FlightInterval: 40 * sec, HandshakeTimeout: 20 * minute,
			RateUp: 100, RateDown: 100, OneWayDelay: 4 * sec, Jitter: 1600 * ms,
			QueueUp: 2000, QueueDown: 2000,
		},
		{
			Name: "leo-pass", Description: "store-and-forward LEO: open 480 s in every 5700 s",
			AckTimeout: 6 * sec, AckRandomFactor: 1.5, MaxRetransmit: 9, NStart: 1, MaxLatency: 5700 * sec,
			EmptyAckDelay: 3 * sec, BlockSize: 256, MTU: 548,
			FlightInterval: 2 * sec, HandshakeTimeout: 2 * time.Hour,
			RateUp: 9600, RateDown: 9600, OneWayDelay: 10 * ms, Jitter: 5 * ms,
			Loss:     GilbertElliott{60 * sec, 3 * sec, 0.01, 0.9},
			Overhead: 28, QueueUp: 65_536, QueueDown: 65_536,
			ContactWindow: 480 * sec, ContactPeriod: 5700 * sec,
		},
		{
			Name: "iridium-sbd", Description: "Iridium Short Burst Data: one message in 40 s, 340 B up, 270 B down",
			AckTimeout: 120 * sec, AckRandomFactor: 1.5, MaxRetransmit: 5, NStart: 1, MaxLatency: 120 * sec,
			EmptyAckDelay: 8 * sec, BlockSize: 128, MTU: 270, MTUUp: 340,
			FlightInterval: 120 * sec, HandshakeTimeout: 45 * minute,
			OneWayDelay: 10 * sec, Jitter: 6 * sec,
			Loss:   GilbertElliott{600 * sec, 60 * sec, 0.03, 0.9},
			MinGap: 40 * sec,
		},
	}
}
