"""What lies between the acoustic side and the vocoder: an F0-free envelope, F0 and voicing, every 10 ms."""
