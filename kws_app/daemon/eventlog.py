"""Tells people what was heard and what was lost; what comes often is counted and told once a minute."""

from __future__ import annotations

import logging

from kws_app.events import AudioLost, Detection, Event, ModelReset, NearMiss
from kws_app.log import Seldom

logger = logging.getLogger(__name__)


class EventLog:
    """Writes events to the log, a line each."""

    def __init__(self) -> None:
        self._losses, self._resets = Seldom(), Seldom()
        self._lost_seconds = 0.0

    def tell(self, event: Event) -> None:
        """Log the event, or count it for a later line."""
        match event:
            case Detection():
                logger.info('heard "%s" (score %.2f)', event.keyword, event.score)
            case NearMiss():
                logger.debug('almost heard "%s" (score %.2f of %.2f)', event.keyword, event.score, event.threshold)
            case AudioLost():
                self._lost_seconds += event.seconds
                if gaps := self._losses.due():
                    counted = "1 gap" if gaps == 1 else f"{gaps} gaps"
                    logger.warning("lost %.2f s of audio in %s: %s", self._lost_seconds, counted, event.reason)
                    self._lost_seconds = 0.0
            case ModelReset():
                if times := self._resets.due():
                    counted = "once" if times == 1 else f"{times} times"
                    logger.warning("the model was reset %s: %s", counted, event.reason)
