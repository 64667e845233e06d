-- Pktgen: sends the frames of the pcap file given with -s, over and over, as fast as the link takes
-- them.
pktgen.screen("off")
pktgen.set("all", "count", 0)
pktgen.set("all", "rate", 100)
pktgen.set("all", "burst", 32)
pktgen.pcap("all", "on")
pktgen.start("all")
