# The public names for type checkers; `__init__.py` imports each when it's first asked for.

from filterbank import datasets as datasets
from filterbank import design as design
from filterbank import evaluate as evaluate
from filterbank import io as io
from filterbank import plots as plots
from filterbank import recipes as recipes
from filterbank import report as report
from filterbank.banks import Bank as Bank
from filterbank.banks import FilterBank as FilterBank
from filterbank.banks import GaborBank as GaborBank
from filterbank.banks import GaussianBank as GaussianBank
from filterbank.banks import HogBank as HogBank
from filterbank.banks import MelBank as MelBank
from filterbank.banks import SiftBank as SiftBank
from filterbank.banks import WindowedBank as WindowedBank
from filterbank.datasets import load as load
from filterbank.engine import fold as fold
from filterbank.engine import respond as respond
from filterbank.errors import FilterbankError as FilterbankError
from filterbank.errors import InputError as InputError
from filterbank.errors import MissingDataError as MissingDataError
from filterbank.errors import ReadError as ReadError
from filterbank.errors import WriteError as WriteError
from filterbank.evaluate import Comparison as Comparison
from filterbank.evaluate import compare as compare
from filterbank.geometry import Geometry as Geometry
from filterbank.io import windows as windows
from filterbank.models import Model as Model
from filterbank.pools import Moments as Moments
from filterbank.pools import Pool as Pool
from filterbank.pools import Proportion as Proportion
from filterbank.recipes import RECIPES as RECIPES
from filterbank.recipes import tutorial_gabor as tutorial_gabor
from filterbank.representation import Explanation as Explanation
from filterbank.representation import Representation as Representation
from filterbank.representation import WholeSignal as WholeSignal
from filterbank.signals import Dataset as Dataset
from filterbank.signals import FileSignal as FileSignal
from filterbank.signals import Signals as Signals

__version__: str
