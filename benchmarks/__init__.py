"""Compares this server with its peers: what a request costs, how many a second, how much memory.

Rules: standard library only; loopback only; every run is bounded in time; figures are facts about
one machine at one time, so what counts is the ratio to a peer measured in the same run, and no
figure is ever a test. Nothing here knows our server from the inside: it is one row among peers.

    scenarios   what is asked of a server        peers     who is asked, and by which command line
    probes      CPU and memory from /proc        wrk       the load generator and its report
    servers     start a peer on its core         measure   rounds, interleaved over the peers
    table       medians, ratios, text, JSON, RST
    classes     every worker class            held      long polls and WebSockets
    crowd, slow_clients    two thousand slow clients against one worker
"""
