"""Single spoken words in clips of one second: training, judging, and the report on Speech Commands."""
